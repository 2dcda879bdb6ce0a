"""The lab's answers as a static site: pages that need no server, from the records of a data root."""
