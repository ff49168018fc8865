import {basename} from 'node:path';

/*
 * A session shows where one is, without a file of the user's being touched: its shell is started with code of ours,
 * which puts a mark in front of the prompt. The user's own start-up files come first or have the last word, and where
 * "tazpod shell install" has made a mark, or TAZPOD_PROMPT_MARK is empty, there is no second one.
 */

const mark = '${TAZPOD_PROMPT_MARK-(ghost) }';

/** Programs that need the set-user-ID bit, which the kernel does not honour in a ghost. Their own words blame others. */
const rootPrograms = ['sudo', 'su', 'doas', 'pkexec'];

const noRoot = (name: string) => `${name} cannot work inside a ghost: no program in it can become root.`;

/**
 * bash takes PROMPT_COMMAND from the environment and runs it before each prompt. What the user has there runs first, and
 * the exit code of the last command is kept for what runs behind it.
 */
const bashCode = [
  '__tazpod_code=$?',
  `[ -n "\${__tazpod_mark+set}" ] || case $PS1 in *"${mark}"*) ;; *) PS1="${mark}$PS1" ;; esac`,
  ...rootPrograms.map(
    (name) => `declare -F ${name} >/dev/null || function ${name} { echo '${noRoot(name)}' >&2; return 1; }`,
  ),
  'function __tazpod_return { return "$1"; }',
  '__tazpod_return "$__tazpod_code"',
].join('; ');

/** zsh reads .zshenv from ZDOTDIR first. This one gives the user's own directory back, and the user's own .zshenv its turn. */
const zshenv = `if [[ -n "\${TAZPOD_ZDOTDIR-}" ]]; then export ZDOTDIR=$TAZPOD_ZDOTDIR; else unset ZDOTDIR; fi
unset TAZPOD_ZDOTDIR
if [[ -r "\${ZDOTDIR:-$HOME}/.zshenv" ]]; then source "\${ZDOTDIR:-$HOME}/.zshenv"; fi
if [[ -o interactive ]]; then
  function __tazpod_first_prompt {
    local code=$? mark="${mark}"
    mark="\${mark//\\%/%%}"
    [[ -n "\${__tazpod_mark+set}" || "$PROMPT" == *"$mark"* ]] || PROMPT="$mark$PROMPT"
${rootPrograms.map((name) => `    (( $+functions[${name}] )) || function ${name} { echo '${noRoot(name)}' >&2; return 1; }`).join('\n')}
    return $code
  }
  precmd_functions+=(__tazpod_first_prompt)
fi
`;

/** `sh -c … tazpod ZSHENV SHELL`: a directory with that .zshenv, in the vault, where temporary files are. */
const startZsh =
  'if folder=$(mktemp -d) && printf %s "$1" >"$folder/.zshenv"; then ' +
  '[ -z "${ZDOTDIR-}" ] || export TAZPOD_ZDOTDIR="$ZDOTDIR"; export ZDOTDIR="$folder"; fi; exec "$2"';

const fishCode = `
if not set -q __tazpod_mark
    set -g __tazpod_first_mark '(ghost) '
    set -q TAZPOD_PROMPT_MARK; and set -g __tazpod_first_mark $TAZPOD_PROMPT_MARK
    function __tazpod_first_status; return $argv[1]; end
    if test -n "$__tazpod_first_mark"; and functions -q fish_prompt
        functions -c fish_prompt __tazpod_first_prompt
        function fish_prompt
            set -l code $status
            printf %s "$__tazpod_first_mark"
            __tazpod_first_status $code
            __tazpod_first_prompt
        end
    end
${rootPrograms.map((name) => `    functions -q ${name}; or function ${name}; echo '${noRoot(name)}' >&2; return 1; end`).join('\n')}
end
`;

/** The words that start a shell which a user types at, with a mark in its prompt if the shell is one that we know. */
export function markedShell(shell: string, environment: Readonly<Record<string, string | undefined>>): string[] {
  switch (basename(shell)) {
    case 'bash': {
      const own = environment['PROMPT_COMMAND'];
      return ['/usr/bin/env', `PROMPT_COMMAND=${own ? `${own}\n` : ''}${bashCode}`, shell];
    }
    case 'zsh':
      return ['/bin/sh', '-c', startZsh, 'tazpod', zshenv, shell];
    case 'fish':
      return [shell, '--init-command', fishCode];
    case 'sh':
    case 'dash':
    case 'ash': {
      const {PS1: own, TAZPOD_PROMPT_MARK: first = '(ghost) '} = environment;
      return own === undefined ? ['/usr/bin/env', `PS1=${first}$ `, shell] : [shell];
    }
    default:
      return [shell];
  }
}
