import {join} from 'node:path';
import type {LatchDeclaration, Shell, ShellCommand, ShellInput} from 'tazpod/contract';
import {noRoot, quotePosix as quote, rootPrograms} from '../../../plugin-kit/shell.ts';

/** Zsh 5.3 and newer. What a shell runs when it starts is assignments and definitions: no process, no sub-shell. */
const zsh: Shell = {
  contract: 1,
  startUpFile: ({home, environment}) => join(environment['ZDOTDIR'] || home, '.zshrc'),
  renderSourceLine: (snippetPath) => `if [[ -r ${quote(snippetPath)} ]]; then source ${quote(snippetPath)}; fi`,
  renderSnippet: (input) =>
    [functions(input), ...input.latches.map((latch) => latchFunction(input, latch)), completion(input.commands)].join(
      '\n',
    ),
  renderCompletion: (commands) => `#compdef tazpod\n${completion(commands)}\n_tazpod "$@"\n`,
};

export default zsh;
export {quote};

/*
 * Agents (Claude Code and others) copy the user's functions into a file and leave out those whose names begin with "_".
 * What a user types must work without any of those: they are for interactive shells only.
 */

const functions = ({tazpod, environmentFolder}: ShellInput) => `\
# TazPod in Zsh. Written by "tazpod shell install", which also updates it.

function tazpod {
  local words="\${1-}" code file=${environmentFile(environmentFolder)}
  case $words in
    vault|secrets) words="$words \${2-}" ;;
    *:*) words="\${words/:/ }" ;;
  esac
  # The variables that were pulled are a file of the vault: there is nothing of them outside.
  [[ "\${TAZPOD_GHOST_MODE-}" == true && -n "\${TAZPOD_VAULT-}" && -r "$file" ]] || file=
  # On a terminal only: what is read by "eval" or a pipe must come.
  case "$words $#" in
    'env 1'|'secrets env 2'|'secrets env 1') if [[ -n "$file" && -t 1 ]]; then source "$file"; return 0; fi ;;
  esac
  ${words(tazpod)} "$@"
  code=$?
  if [[ "\${TAZPOD_GHOST_MODE-}" == true ]]; then
    # The first pull makes the file.
    file=${environmentFile(environmentFolder)}
    case "$code,$words" in
      0,pull|0,sync|0,login|'0,secrets pull'|'0,secrets login') if [[ -r "$file" ]]; then source "$file"; fi ;;
    esac
    return $code
  fi
  case "$code,$words" in
    0,unlock|0,pull|0,sync|0,reinit|'0,vault unlock'|'0,secrets pull')
      if [[ -o interactive ]] && (( $+functions[__tazpod_leave] )); then __tazpod_leave "$@"; fi
      ;;
  esac
  return $code
}

# The end of the ghost is the end of the terminal's first shell too: an SSH or container session closes with it.
function __tazpod_leave {
  emulate -L zsh
  local word stat
  local -a fields
  [[ -o interactive && -z "\${TAZPOD_STAY-}" ]] || return
  for word; do
    case $word in
      -h|--help|--json|--no-shell) return ;;
      --) break ;;
    esac
  done
  # The first shell of a terminal leads its session: the fourth field behind the name is its own number.
  read -r stat 2>/dev/null <"/proc/$$/stat" || return
  fields=(\${(s: :)stat##*\\) })
  [[ "\${fields[4]-}" == "$$" ]] && exit 0
}

# The mark in the prompt. Themes make the prompt anew before each one, so it is looked after last.
function __tazpod_prompt {
  local code=$?
  [[ "$PROMPT" == "$__tazpod_mark"* ]] || PROMPT="$__tazpod_mark$PROMPT"
  [[ "\${precmd_functions[-1]}" == __tazpod_prompt ]] ||
    precmd_functions=(\${precmd_functions:#__tazpod_prompt} __tazpod_prompt)
  return $code
}

if [[ "\${TAZPOD_GHOST_MODE-}" == true ]]; then
  case "\${LC_ALL:-\${LC_CTYPE:-\${LANG-}}}" in
    *[Uu][Tt][Ff]*8*) __tazpod_mark="\${TAZPOD_PROMPT_MARK-👻 }" ;;
    *) __tazpod_mark="\${TAZPOD_PROMPT_MARK-(ghost) }" ;;
  esac
  __tazpod_mark="\${__tazpod_mark//\\%/%%}"
  { [[ -n "\${TAZPOD_VAULT-}" && -r ${environmentFile(environmentFolder)} ]] && source ${environmentFile(environmentFolder)}; } || :
  export TAZPOD_SHELL_PID=$$
  # Most .zshrc files lead the history into the home.
  [[ -z "\${HISTFILE-}" || -z "\${TAZPOD_VAULT-}" ]] || HISTFILE="$TAZPOD_VAULT/.tazpod/history-zsh"
${rootPrograms.map((name) => `  function ${name} { printf '%s\\n' ${quote(noRoot(name))} >&2; return 1; }`).join('\n')}
  [[ -z "$__tazpod_mark" ]] || precmd_functions+=(__tazpod_prompt)
fi
`;

const environmentFile = (folder: string) => `"\${TAZPOD_VAULT-}"/${quote(folder)}/environment.sh`;

const words = (tazpod: readonly string[]) => tazpod.map(quote).join(' ');

/** With the word `function`, because an alias of the same name would be put in its place. */
const latchFunction = ({tazpod}: ShellInput, {command, reason = ''}: LatchDeclaration) => `\
function ${command} {
  local answer
  if [[ "\${TAZPOD_GHOST_MODE-}" == true ]]; then
    command ${command} "$@"
    return
  fi
  printf '%s runs inside the vault only%s.\\n' ${command} ${quote(reason === '' ? '' : `: ${reason}`)} >&2
  if [[ ! -t 0 || ! -t 2 ]]; then
    printf 'Next: tazpod exec -- %s\\n' ${command} >&2
    return 77
  fi
  printf 'Open the vault for it? [Y/n] ' >&2
  read -r answer || return 130
  case $answer in
    ''|[Yy]|[Yy][Ee][Ss]) ${words(tazpod)} exec -- ${command} "$@" ;;
    *) return 77 ;;
  esac
}
`;

const completion = (commands: readonly ShellCommand[]) => `
__tazpod_commands=${quote(commands.map(({id, flags}) => `${id} |${flags.join(' ')}`).join('\n'))}

function _tazpod {
  emulate -L zsh
  local current="\${words[CURRENT]}" typed='' word line id best='' flags=''
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case $word in
      --) _default; return ;;
      -*) break ;;
    esac
    typed+="$word "
  done
  for line in "\${(@f)__tazpod_commands}"; do
    id="\${line%%|*}"
    if [[ "$current" == -* ]]; then
      if [[ "$typed" == "$id"* && $#id -gt $#best ]]; then best="$id" flags="\${line#*|}"; fi
    elif [[ "$id" == "$typed$current"* && "$id" != "$typed" ]]; then
      found+=("\${\${id#"$typed"}%% *}")
    fi
  done
  found+=(\${=flags})
  # Only TazPod knows the values.
  if [[ -n "$typed" && ( "$current" == --*=* || $#found -eq 0 ) ]]; then
    found=("\${(@f)$(command tazpod __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=(\${found:#})
  fi
  if (( $#found )); then compadd -- "\${(@u)found}"; else _default; fi
}

# compinit may come later in the start-up file.
function __tazpod_register {
  precmd_functions=(\${precmd_functions:#__tazpod_register})
  if (( $+functions[compdef] )); then compdef _tazpod tazpod; fi
}
precmd_functions+=(__tazpod_register)
`;
