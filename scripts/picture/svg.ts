import type {Frame} from './recording.ts';
import type {Run, Style} from './screen.ts';

const cell = {width: 8.4, height: 20};
const margin = {side: 18, top: 52, bottom: 18};
const palette = {
  background: '#0d1117',
  frame: '#30363d',
  text: '#c9d1d9',
  bright: '#f0f6fc',
  dim: '#8b949e',
  red: '#ff7b72',
  green: '#56d364',
  yellow: '#e3b341',
  blue: '#79c0ff',
  magenta: '#d2a8ff',
  cyan: '#76e3ea',
};
const font = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";

/** What stands in one row from one moment to another. */
type Stretch = {readonly row: number; readonly runs: readonly Run[]; readonly fromMs: number; toMs: number};

/**
 * An SVG that plays the frames in a window, over and over. A viewer without animations (also by `prefers-reduced-
 * motion`) shows the last frame.
 */
export function renderSvg(frames: readonly Frame[], columns: number, title: string): string {
  const stretches = stretchesOf(frames);
  const totalMs = frames.reduce((sum, {ms}) => sum + ms, 0);
  const rowCount = Math.max(...frames.map(({rows}) => rows.length));
  const width = Math.round(columns * cell.width + 2 * margin.side);
  const height = rowCount * cell.height + margin.top + margin.bottom;
  const spans = [...new Set(stretches.map(({fromMs, toMs}) => `${fromMs} ${toMs}`))];
  const rules = spans.map((span, index) => {
    const [fromMs, toMs] = span.split(' ').map(Number) as [number, number];
    return keyframes(index, fromMs / totalMs, toMs / totalMs);
  });
  const rows = stretches.map((stretch) => {
    const {fromMs, toMs, row, runs} = stretch;
    const still = toMs === totalMs ? '' : ' visibility="hidden"';
    const y = margin.top + (row + 0.72) * cell.height;
    return `<g class="s s${spans.indexOf(`${fromMs} ${toMs}`)}"${still}>${runs.map((run) => text(run, y)).join('')}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<style>
text{font:14px ${font};white-space:pre;fill:${palette.text}}
.s{animation:${totalMs}ms step-end infinite}
@media (prefers-reduced-motion:reduce){.s{animation:none!important}}
${rules.join('\n')}
</style>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="10" fill="${palette.background}" stroke="${palette.frame}"/>
${['#ff5f57', '#febc2e', '#28c840'].map((colour, index) => `<circle cx="${22 + 20 * index}" cy="22" r="6" fill="${colour}"/>`).join('')}
<text x="${width / 2}" y="27" text-anchor="middle" style="fill:${palette.dim}">${escape(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function stretchesOf(frames: readonly Frame[]): Stretch[] {
  const all: Stretch[] = [];
  const open = new Map<number, Stretch>();
  let ms = 0;
  for (const frame of frames) {
    const end = ms + frame.ms;
    frame.rows.forEach((runs, row) => {
      if (runs.length === 0) return;
      const before = open.get(row);
      if (before?.toMs === ms && JSON.stringify(before.runs) === JSON.stringify(runs)) {
        before.toMs = end;
        return;
      }
      const stretch = {row, runs, fromMs: ms, toMs: end};
      open.set(row, stretch);
      all.push(stretch);
    });
    ms = end;
  }
  return all;
}

/** Visible from one part of the time to another. */
function keyframes(index: number, from: number, to: number): string {
  const percent = (part: number) => `${+(100 * part).toFixed(3)}%`;
  const begin = from === 0 ? '' : `0%{visibility:hidden}`;
  const end = to >= 1 ? '' : `${percent(to)}{visibility:hidden}`;
  return `@keyframes s${index}{${begin}${percent(from)}{visibility:visible}${end}}.s${index}{animation-name:s${index}}`;
}

function text({column, text: characters, style}: Run, y: number): string {
  // The width is that of the cells with any font.
  const width = +(characters.length * cell.width).toFixed(1);
  const x = +(margin.side + column * cell.width).toFixed(1);
  return `<text x="${x}" y="${+y.toFixed(1)}" textLength="${width}"${look(style)}>${escape(characters)}</text>`;
}

function look({colour, bold, dim}: Style): string {
  const fill = colour !== undefined ? palette[colour] : dim ? palette.dim : bold ? palette.bright : undefined;
  const declarations = [...(fill === undefined ? [] : [`fill:${fill}`]), ...(bold ? ['font-weight:600'] : [])];
  return declarations.length === 0 ? '' : ` style="${declarations.join(';')}"`;
}

function escape(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
