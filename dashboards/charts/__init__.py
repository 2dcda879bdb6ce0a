"""Charts, one file a picture: figures in, an ECharts option out. Pure: no I/O, and nothing of Streamlit."""
