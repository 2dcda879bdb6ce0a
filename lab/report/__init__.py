"""Answers: computed from trials, then shown in a terminal, as Markdown or as one HTML page.

`answer.answer` computes; `terminal.render_terminal`, `markdown.render_markdown` and `html.render_html`
show.
"""
