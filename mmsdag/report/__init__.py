"""Pages of HTML with everything inlined: a base template and charts."""

from .charts import INK, chart, color_gradient, error_colors, image_source, line_chart
from .pages import render_page

__all__ = [
    'INK',
    'chart',
    'color_gradient',
    'error_colors',
    'image_source',
    'line_chart',
    'render_page',
]
