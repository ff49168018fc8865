/**
 * One block of lines in a file of the user's, between two marks. Everything else stays byte for byte: texts are
 * `latin1` here, which gives every byte a character and takes none away.
 */
export type Edit = {
  /** The file as it is to be; undefined: it is to go, because it was made for the block. */
  readonly content: string | undefined;
  /** What is odd about the file as it is, a clause: the caller that changes it keeps a copy. */
  readonly odd?: string;
};

const begin = '# >>> tazpod >>>';
const end = '# <<< tazpod <<<';

/** Behind the first mark: what else must be undone with the block. */
const madeFile = ' (made this file)';
const endedLine = ' (ended the line before)';

/** The file with the block: at its end, or where it is already. */
export function withBlock(content: string | undefined, line: string): Edit {
  const inner = `${line}\n${end}\n`;
  if (content === undefined) return {content: `${begin}${madeFile}\n${inner}`};
  const found = findBlock(content);
  if (found === 'damaged') return {...withBlock(stripped(content, line), line), odd: 'the marks of TazPod are damaged'};
  if (found !== undefined) {
    const {start, mark, stop} = found;
    return {content: `${content.slice(0, start)}${mark}\n${inner}${content.slice(stop)}`};
  }
  if (content === '' || content.endsWith('\n')) return {content: `${content}${begin}\n${inner}`};
  return {content: `${content}\n${begin}${endedLine}\n${inner}`, odd: 'its last line does not end with a newline'};
}

/** The file as it was before the block. */
export function withoutBlock(content: string, line: string): Edit {
  const found = findBlock(content);
  if (found === 'damaged') return {content: stripped(content, line), odd: 'the marks of TazPod are damaged'};
  if (found === undefined) return {content};
  const {start, mark, stop} = found;
  const [before, after] = [content.slice(0, start), content.slice(stop)];
  if (mark.includes(madeFile) && before === '' && after === '') return {content: undefined};
  // Where somebody has gone on writing behind the block, the line before it needs its end.
  const kept = mark.includes(endedLine) && after === '' ? before.replace(/\n$/, '') : before;
  return {content: `${kept}${after}`};
}

type Found = {readonly start: number; readonly mark: string; readonly stop: number};

function findBlock(content: string): Found | 'damaged' | undefined {
  const begins = [...content.matchAll(/^# >>> tazpod >>>[^\n]*$/gm)];
  const ends = [...content.matchAll(/^# <<< tazpod <<<[^\n]*(?:\n|$)/gm)];
  if (begins.length === 0 && ends.length === 0) return undefined;
  const [{0: mark, index: start} = {0: '', index: -1}] = begins;
  const [{0: last, index: stop} = {0: '', index: -1}] = ends;
  // More lines than ours between the marks are somebody's, who would miss them.
  const lines = content.slice(start, stop).split('\n').length - 1;
  if (begins.length !== 1 || ends.length !== 1 || stop < start || lines !== 2) return 'damaged';
  return {start, mark, stop: stop + last.length};
}

/** Without marks and without the line between them, wherever they are. */
function stripped(content: string, line: string): string {
  return content
    .split(/(?<=\n)/)
    .filter((each) => {
      const text = each.replace(/\n$/, '');
      return !text.startsWith(begin) && !text.startsWith(end) && text !== line;
    })
    .join('');
}
