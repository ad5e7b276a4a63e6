/** A line plot as SVG, without a library: both axes may be logarithmic. */

const WIDTH = 720;
const HEIGHT = 420;
const BOX = { left: 80, right: 190, top: 50, bottom: 60 };
const COLOURS = ['#0b6e99', '#d9730d', '#6940a5', '#0f7b6c', '#ad1a72', '#64473a'];

/**
 * @param {{ title: string, x: string, y: string, logX?: boolean, logY?: boolean,
 *   lines: { name: string, points: [number, number][] }[] }} plot
 */
export function linePlot({ title, x, y, logX = false, logY = false, lines }) {
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(([value]) => value))].sort((a, b) => a - b);
  const across = scale(xs[0], xs.at(-1), BOX.left, WIDTH - BOX.right, logX);
  const values = points.map(([, value]) => value);
  const bottom = logY ? Math.min(...values) * 0.8 : 0;
  const up = scale(bottom, Math.max(...values) * 1.1, HEIGHT - BOX.bottom, BOX.top, logY);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 24, title, 'middle', 'font-size="16" font-weight="bold"'),
    text((BOX.left + WIDTH - BOX.right) / 2, HEIGHT - 16, x, 'middle'),
    text(BOX.left, BOX.top - 10, y, 'start'),
  ];
  for (const value of xs) {
    parts.push(line(across(value), BOX.top, across(value), HEIGHT - BOX.bottom));
    parts.push(text(across(value), HEIGHT - BOX.bottom + 18, short(value), 'middle'));
  }
  for (const value of ticks(bottom, Math.max(...values) * 1.1, logY)) {
    parts.push(line(BOX.left, up(value), WIDTH - BOX.right, up(value)));
    parts.push(text(BOX.left - 8, up(value) + 4, short(value), 'end'));
  }
  lines.forEach(({ name, points: own }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    const path = own.map(([px, py]) => `${across(px).toFixed(1)},${up(py).toFixed(1)}`);
    parts.push(`<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const place of path) {
      const [cx, cy] = place.split(',');
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`);
    }
    const legend = BOX.top + 10 + index * 20;
    parts.push(
      `<rect x="${WIDTH - BOX.right + 14}" y="${legend - 9}" width="10" height="10" fill="${colour}"/>`,
    );
    parts.push(text(WIDTH - BOX.right + 30, legend, name, 'start'));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

function scale(from, to, start, end, logarithmic) {
  const of = logarithmic ? Math.log : (value) => value;
  const span = of(to) - of(from) || 1;
  return (value) => start + ((of(value) - of(from)) / span) * (end - start);
}

function ticks(from, to, logarithmic) {
  if (logarithmic) {
    const powers = Array.from({ length: 12 }, (_, power) => 10 ** power);
    return powers.flatMap((power) => [power, power * 3]).filter((value) => value >= from && value <= to);
  }
  const step = niceStep((to - from) / 5);
  return Array.from({ length: Math.floor(to / step) + 1 }, (_, index) => index * step);
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
}

function short(value) {
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e4 ? `${value / 1e3}k` : String(value);
}

function line(x1, y1, x2, y2) {
  const place = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${place[0]}" y1="${place[1]}" x2="${place[2]}" y2="${place[3]}" stroke="#ddd"/>`;
}

function text(x, y, content, anchor, more = '') {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}" ${more}>${escaped}</text>`;
}
