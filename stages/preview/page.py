"""The page that shows all sources. It requests picture after picture, so it notices when no more come: a
stream in an <img> would freeze and look live."""

from html import escape
from urllib.parse import quote

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>preview</title>
<style>
body {{ margin: 1em; background: #222; color: #eee; font-family: sans-serif }}
main {{ display: flex; flex-wrap: wrap; gap: 1em }}
figure {{ margin: 0; max-width: 100% }}
img {{ display: block; max-width: 100%; background: #000 }}
figure.gone img {{ opacity: 0.15 }}
figure.gone figcaption::after {{ content: " - the preview does not answer"; color: #f66 }}
a {{ color: #8cf }}
</style>
<main>
{figures}
</main>
<script>
const PERIOD_MS = {period_ms}, GONE_MS = 3000;
for (const figure of document.querySelectorAll("figure")) {{
  let shown = performance.now();
  const next = () => {{
    const fresh = new Image();
    fresh.onload = () => {{
      figure.querySelector("img").replaceWith(fresh);
      shown = performance.now();
      setTimeout(next, PERIOD_MS);
    }};
    fresh.onerror = () => setTimeout(next, 1000);
    fresh.src = figure.dataset.src + "?" + Date.now();
  }};
  setInterval(() => figure.classList.toggle("gone", performance.now() - shown > GONE_MS), 250);
  next();
}}
</script>
</html>
"""
_FIGURE = """<figure data-src="/{path}.jpg"><img src="/{path}.jpg" alt="{name}">
<figcaption>{name} (<a href="/{path}.mjpg">stream</a>)</figcaption></figure>"""


def page(sources: list[str], max_fps: float) -> str:
    """Return the page as HTML; pictures are asked for at most `max_fps` times a second."""
    figures = "\n".join(_FIGURE.format(path=quote(name, safe=""), name=escape(name)) for name in sources)
    return _PAGE.format(figures=figures, period_ms=round(1000 / max_fps))
