# SPDX-License-Identifier: MIT
"""Charts as SVG, by hand: bars and lines, on logarithmic scales."""

import math
from xml.sax.saxutils import escape

COLOURS = ("#1b6e53", "#c2602e", "#4a6fa5", "#8a5a9e", "#777777", "#b8a02e", "#3a9fb0", "#c23b6e")
TEXT = 'font-family="sans-serif" font-size="12"'


class Drawing:
    """Shapes on a white ground, written out at the end."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def rect(self, x, y, width, height, fill):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'
        )

    def line(self, points, colour, width=1.0):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        )

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')

    def text(self, x, y, text, anchor="start", fill="#222"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" {TEXT} text-anchor="{anchor}" fill="{fill}">'
            f"{escape(text)}</text>"
        )

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n".join([*self.parts, "</svg>"]) + "\n")


class LogScale:
    """From values to places: whole powers of ten around all that is shown."""

    def __init__(self, values, start, end):
        self.low = math.floor(math.log10(min(values)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.start = start
        self.step = (end - start) / (self.high - self.low)

    def at(self, value):
        return self.start + (math.log10(value) - self.low) * self.step

    def marks(self):
        return [10**power for power in range(self.low, self.high + 1)]


def short(value):
    """1,000 as 1 k."""
    for unit, factor in (("M", 10**6), ("k", 10**3)):
        if value >= factor:
            return f"{value / factor:g} {unit}"
    return f"{value:g}"


def bars(path, title, names, groups):
    """Groups of horizontal bars: (label, values, mark). A value or the mark may be None."""
    bar, gap, left, top, width = 11, 12, 110, 56, 800
    step = len(names) * bar + gap
    drawing = Drawing(width, top + step * len(groups) + 10, title)
    values = [v for _, vs, mark in groups for v in (*vs, mark) if v]
    scale = LogScale(values, left, width - 60)
    bottom = top + step * len(groups)

    drawing.text(10, 20, title)
    for i, name in enumerate(names):
        drawing.rect(left + 110 * i, 28, 10, 10, COLOURS[i])
        drawing.text(left + 110 * i + 15, 38, name)
    drawing.text(left + 110 * len(names), 38, "| what must be met")
    for mark in scale.marks():
        drawing.line([(scale.at(mark), top - 4), (scale.at(mark), bottom)], "#ddd")
        drawing.text(scale.at(mark), top - 6, short(mark), "middle", "#777")
    for i, (label, group, mark) in enumerate(groups):
        y = top + i * step + gap / 2
        drawing.text(left - 8, y + len(names) * bar / 2 + 4, label, "end")
        for k, value in enumerate(group):
            if value:
                drawing.rect(left, y + k * bar, scale.at(value) - left, bar - 1, COLOURS[k])
                drawing.text(scale.at(value) + 4, y + k * bar + 9, f"{value:,.0f}")
        if mark:
            x = scale.at(mark)
            drawing.line([(x, y - 3), (x, y + len(names) * bar + 2)], "#000", 1.5)
    drawing.write(path)


def panels(path, title, charts, columns=3):
    """Small charts of lines: (title, what x counts, [(name, [(x, y)])]). A name has one colour."""
    width, height, left, right, top, bottom = 320, 280, 52, 12, 78, 34
    rows = -(-len(charts) // columns)
    names = list(dict.fromkeys(label for _, _, lines in charts for label, _ in lines))
    drawing = Drawing(width * columns, 30 + height * rows, title)
    drawing.text(10, 20, title)
    for number, (name, counted, lines) in enumerate(charts):
        x0 = number % columns * width
        y0 = 30 + number // columns * height
        xs = LogScale([max(x, 1) for _, line in lines for x, _ in line], x0 + left, x0 + width - right)
        ys = LogScale([y for _, line in lines for _, y in line], y0 + height - bottom, y0 + top)
        drawing.text(x0 + left, y0 + 16, name)
        for mark in ys.marks():
            drawing.line([(x0 + left, ys.at(mark)), (x0 + width - right, ys.at(mark))], "#ddd")
            drawing.text(x0 + left - 5, ys.at(mark) + 4, short(mark), "end", "#777")
        for mark in xs.marks():
            drawing.text(xs.at(mark), y0 + height - bottom + 15, short(mark), "middle", "#777")
        drawing.text(x0 + width - right, y0 + height - 4, counted, "end", "#777")
        for i, (label, line) in enumerate(lines):
            colour = COLOURS[names.index(label) % len(COLOURS)]
            places = [(xs.at(max(x, 1)), ys.at(y)) for x, y in line]
            drawing.line(places, colour, 1.5)
            for place in places:
                drawing.dot(*place, colour)
            drawing.text(x0 + left + 90 * (i % 3), y0 + 34 + 14 * (i // 3), label, fill=colour)
    drawing.write(path)
