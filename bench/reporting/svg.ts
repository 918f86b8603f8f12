/** Colours that can be told apart by everybody, on a light and on a dark page; the same as in the project's figures. */
const STYLE = `
    text { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .label { text-anchor: end; }
    .faint { fill: #59636e; }
    .page { fill: #ffffff; }
    .axis { stroke: #d1d9e0; }
    .line { fill: none; stroke: #0969da; stroke-width: 2; }
    .a { fill: #0969da; }
    .b { fill: #bf8700; }
    .c { fill: #8c959f; }
    .range { stroke: #1f2328; stroke-width: 1.5; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .faint { fill: #a5adb6; }
      .page { fill: #0d1117; }
      .axis { stroke: #3d444d; }
      .line { stroke: #4493f8; }
      .a { fill: #4493f8; }
      .b { fill: #d29922; }
      .c { fill: #656c76; }
      .range { stroke: #f0f6fc; }
    }`;

export const WIDTH = 760;

/** A whole picture with its title and, for those who can't see it, its description. */
export function picture(
  title: string,
  description: string,
  height: number,
  content: readonly string[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
  <title id="title">${escape(title)}</title>
  <desc id="desc">${escape(description)}</desc>
  <style>${STYLE}
  </style>
  <rect class="page" width="${WIDTH}" height="${height}" rx="14"/>
  ${text(24, 34, title, 'title')}
  ${content.join('\n  ')}
</svg>
`;
}

export function text(x: number, y: number, content: string, style = ''): string {
  return `<text${style === '' ? '' : ` class="${style}"`} x="${near(x)}" y="${near(y)}">${escape(content)}</text>`;
}

export function rect(x: number, y: number, width: number, height: number, style: string): string {
  return `<rect class="${style}" x="${near(x)}" y="${near(y)}" width="${near(width)}" height="${near(height)}"/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<path class="${style}" d="M${near(x1)} ${near(y1)}L${near(x2)} ${near(y2)}"/>`;
}

export function path(points: readonly (readonly [number, number])[], style: string): string {
  return `<path class="${style}" d="M${points.map(([x, y]) => `${near(x)} ${near(y)}`).join('L')}"/>`;
}

/** A tenth of a pixel is enough, and keeps committed pictures small. */
function near(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
