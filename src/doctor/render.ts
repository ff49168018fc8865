import {styleText} from 'node:util';
import type {Diagnosis} from './diagnose.ts';
import type {Finding, Verdict} from './finding.ts';

const marks: Readonly<Record<Verdict, [string, 'green' | 'yellow' | 'red']>> = {
  ok: ['✔', 'green'],
  warning: ['!', 'yellow'],
  missing: ['✖', 'red'],
};

/** A diagnosis for people: a line a finding, below it the command that fixes it, and the conclusion. */
export function renderDiagnosis({conclusion, findings, sudoers}: Diagnosis): string {
  const width = Math.max(...findings.map(({title}) => title.length));
  const lines = findings.flatMap((finding) => renderFinding(finding, width));
  const verdict =
    conclusion.isolation === 'none'
      ? 'No vault can be opened here.'
      : `A vault gets the engine ${conclusion.engine} with ${conclusion.fileSystem}, and a ${conclusion.isolation} session.`;
  return [
    ...lines,
    '',
    paint('bold', verdict),
    ...conclusion.because.map((sentence) => `  ${sentence}`),
    ...(sudoers === undefined ? [] : ['', 'To start the ghost without a password:', `  ${sudoers.install}`]),
  ].join('\n');
}

function renderFinding({title, verdict, detail, fix}: Finding, width: number): string[] {
  const [mark, colour] = marks[verdict];
  return [
    `${paint(colour, mark)} ${title.padEnd(width)}  ${detail}`,
    ...(fix === undefined ? [] : [`  ${' '.repeat(width)}  ${paint('dim', `→ ${fix}`)}`]),
  ];
}

// styleText respects NO_COLOR and whether the stream is a terminal.
function paint(style: 'bold' | 'dim' | 'green' | 'red' | 'yellow', text: string): string {
  return styleText(style, text, {stream: process.stdout});
}
