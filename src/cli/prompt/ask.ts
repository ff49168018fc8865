import {StringDecoder} from 'node:string_decoder';
import {columnsOf, wrapText} from '../wrap.ts';
import {Cancelled} from './cancelled.ts';

/** What Ctrl-C and Ctrl-\ send. */
const fromKeyboard = ['SIGINT', 'SIGQUIT'] as const;

/**
 * Asks on the terminal and returns the line that was typed. The kernel edits the line, as it does for the passphrase:
 * Ctrl-U, Ctrl-W and Ctrl-Z work as the user has set them. Throws `Cancelled` on Ctrl-C, Ctrl-\ and Ctrl-D.
 *
 * @inquirer/prompts was tried: Ctrl-D takes the default answer there, which here would create a vault, and a prompt
 * fails after Ctrl-Z and `fg`.
 */
export function ask(question: string): Promise<string> {
  const {stdin, stderr} = process;
  return new Promise((resolve, reject) => {
    const decoder = new StringDecoder('utf8');
    let typed = '';
    const show = () => void stderr.write(`${wrapText(question, columnsOf(stderr) - 1)} `);
    const end = (settle: () => void) => {
      stdin.pause();
      stdin.off('data', take).off('end', close).off('error', close);
      process.off('SIGCONT', show);
      for (const [signal, cancel] of cancels) process.off(signal, cancel);
      settle();
    };
    const take = (chunk: Buffer) => {
      typed += decoder.write(chunk);
      const newline = typed.indexOf('\n');
      if (newline >= 0) end(() => resolve(typed.slice(0, newline).trim()));
    };
    const close = () => end(() => reject(cancelled('SIGINT')));
    const cancelled = (signal: (typeof fromKeyboard)[number]) => {
      stderr.write('\n');
      return new Cancelled(signal);
    };
    const cancels = fromKeyboard.map((signal) => [signal, () => end(() => reject(cancelled(signal)))] as const);
    for (const [signal, cancel] of cancels) process.on(signal, cancel);
    // After Ctrl-Z and "fg" the question is out of sight.
    process.on('SIGCONT', show);
    stdin.on('data', take).on('end', close).on('error', close);
    show();
    stdin.resume();
  });
}

/** Asks for yes or no. An empty answer is the default. */
export async function confirm(question: string, byDefault: 'yes' | 'no' = 'yes'): Promise<boolean> {
  const answer = await ask(`${question} ${byDefault === 'yes' ? '[Y/n]' : '[y/N]'}`);
  return answer === '' ? byDefault === 'yes' : /^y(es)?$/i.test(answer);
}
