"""The pages people open in the morning: app.py names them, data.py reads, charts/ draw, views/ arrange."""
