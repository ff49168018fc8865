import {createInterface} from 'node:readline/promises';

/** Asks on the terminal. An empty answer is the default. */
export async function confirm(question: string, byDefault: 'yes' | 'no' = 'yes'): Promise<boolean> {
  const terminal = createInterface({input: process.stdin, output: process.stderr});
  try {
    const answer = (await terminal.question(`${question} ${byDefault === 'yes' ? '[Y/n]' : '[y/N]'} `)).trim();
    return answer === '' ? byDefault === 'yes' : /^y(es)?$/i.test(answer);
  } finally {
    terminal.close();
  }
}
