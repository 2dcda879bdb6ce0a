"""Many nights: what to measure, what changed since, which build did it, and the incidents that follow."""
