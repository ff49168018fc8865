import {join} from 'node:path';
import type {LatchDeclaration, Shell, ShellCommand, ShellInput} from 'tazpod/contract';
import {noRoot, quotePosix as quote, rootPrograms} from '../../../plugin-kit/shell.ts';

/** Bash 4.4 and newer. What a shell runs when it starts is assignments and definitions: no process, no sub-shell. */
const bash: Shell = {
  contract: 1,
  startUpFile: ({home}) => join(home, '.bashrc'),
  renderSourceLine: (snippetPath) => `if [ -r ${quote(snippetPath)} ]; then . ${quote(snippetPath)}; fi`,
  renderSnippet: (input) =>
    [functions(input), ...input.latches.map((latch) => latchFunction(input, latch)), completion(input.commands)].join(
      '\n',
    ),
  renderCompletion: (commands) => completion(commands).trimStart(),
};

export default bash;
export {quote};

/*
 * Agents (Claude Code and others) copy the user's functions into a file and leave out those whose names begin with "_".
 * What a user types must work without any of those: they are for interactive shells only.
 */

const functions = ({tazpod, environmentFolder}: ShellInput) => `\
# TazPod in Bash. Written by "tazpod shell install", which also updates it.

function tazpod {
  local words="\${1-}" code file=${environmentFile(environmentFolder)}
  case $words in
    vault | secrets) words="$words \${2-}" ;;
    *:*) words="\${words/:/ }" ;;
  esac
  # The variables that were pulled are a file of the vault: there is nothing of them outside.
  [ "\${TAZPOD_GHOST_MODE-}" = true ] && [ -n "\${TAZPOD_VAULT-}" ] && [ -r "$file" ] || file=
  # On a terminal only: what is read by "eval" or a pipe must come.
  case "$words $#" in
    'env 1' | 'secrets env 2' | 'secrets env 1') if [ -n "$file" ] && [ -t 1 ]; then . "$file"; return 0; fi ;;
  esac
  ${words(tazpod)} "$@"
  code=$?
  if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then
    # The first pull makes the file.
    file=${environmentFile(environmentFolder)}
    case $code,$words in
      0,pull | 0,sync | 0,login | 0,'secrets pull' | 0,'secrets login') if [ -r "$file" ]; then . "$file"; fi ;;
    esac
    return $code
  fi
  case $-,$code,$words in
    *i*,0,unlock | *i*,0,pull | *i*,0,sync | *i*,0,reinit | *i*,0,'vault unlock' | *i*,0,'secrets pull')
      if declare -F __tazpod_leave >/dev/null; then __tazpod_leave "$@"; fi
      ;;
  esac
  return $code
}

# The end of the ghost is the end of the terminal's first shell too: an SSH or container session closes with it.
__tazpod_leave() {
  local word stat IFS=' '
  [ -z "\${TAZPOD_STAY-}" ] || return
  for word; do
    case $word in -h | --help | --json | --no-shell) return ;; --) break ;; esac
  done
  # The first shell of a terminal leads its session: the fourth field behind the name is its own number.
  read -r stat 2>/dev/null <"/proc/$$/stat" || return
  set -- \${stat##*) }
  [ "\${4-}" = "$$" ] && exit 0
}

# The mark in the prompt. Others make the prompt anew before each one (Starship does), so it is looked after last.
__tazpod_prompt() {
  local code=$?
  case $PS1 in "$__tazpod_mark"*) ;; *) PS1="$__tazpod_mark$PS1" ;; esac
  case "\${PROMPT_COMMAND[*]-}" in *__tazpod_prompt) ;; *) __tazpod_watch_prompt ;; esac
  return $code
}

__tazpod_watch_prompt() {
  local index
  PROMPT_COMMAND="\${PROMPT_COMMAND-}"
  for index in "\${!PROMPT_COMMAND[@]}"; do
    PROMPT_COMMAND[index]="\${PROMPT_COMMAND[index]//$'\\n'__tazpod_prompt/}"
  done
  if [ "\${#PROMPT_COMMAND[@]}" -gt 1 ]; then
    PROMPT_COMMAND+=($'\\n'__tazpod_prompt)
  else
    PROMPT_COMMAND+=$'\\n'__tazpod_prompt
  fi
}

if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then
  case "\${LC_ALL:-\${LC_CTYPE:-\${LANG-}}}" in
    *[Uu][Tt][Ff]*8*) __tazpod_mark="\${TAZPOD_PROMPT_MARK-👻 }" ;;
    *) __tazpod_mark="\${TAZPOD_PROMPT_MARK-(ghost) }" ;;
  esac
  # In braces, because "set -e" may be on.
  { [ -n "\${TAZPOD_VAULT-}" ] && [ -r ${environmentFile(environmentFolder)} ] && . ${environmentFile(environmentFolder)}; } || :
  export TAZPOD_SHELL_PID=$$
  # A start-up file may have led the history into the home.
  [ -z "\${HISTFILE-}" ] || [ -z "\${TAZPOD_VAULT-}" ] || HISTFILE="$TAZPOD_VAULT/.tazpod/history"
  # Jobs in the background end with the ghost, so "exit" names them first, as it does in zsh and fish.
  shopt -s checkjobs
${rootPrograms.map((name) => `  function ${name} { printf '%s\\n' ${quote(noRoot(name))} >&2; return 1; }`).join('\n')}
  case $- in *i*) [ -z "$__tazpod_mark" ] || __tazpod_watch_prompt ;; esac
fi
`;

const environmentFile = (folder: string) => `"\${TAZPOD_VAULT-}"/${quote(folder)}/environment.sh`;

const words = (tazpod: readonly string[]) => tazpod.map(quote).join(' ');

/** With the word `function`, because an alias of the same name would be put in its place. */
const latchFunction = ({tazpod}: ShellInput, {command, reason = ''}: LatchDeclaration) => `\
function ${command} {
  local answer
  if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then
    command ${command} "$@"
    return
  fi
  printf '%s runs inside the vault only%s.\\n' ${command} ${quote(reason === '' ? '' : `: ${reason}`)} >&2
  if [ ! -t 0 ] || [ ! -t 2 ]; then
    printf 'Next: tazpod exec -- %s\\n' ${command} >&2
    return 77
  fi
  printf 'Open the vault for it? [Y/n] ' >&2
  read -r answer || return 130
  case $answer in '' | [Yy] | [Yy][Ee][Ss]) ${words(tazpod)} exec -- ${command} "$@" ;; *) return 77 ;; esac
}
`;

const completion = (commands: readonly ShellCommand[]) => `
__tazpod_commands=${quote(commands.map(({id, flags}) => `${id} |${flags.join(' ')}`).join('\n'))}

__tazpod_complete() {
  local current="\${COMP_WORDS[COMP_CWORD]}" typed='' word line id best='' flags='' IFS=$' \\t\\n'
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      --) return ;;
      -*) break ;;
    esac
    typed+="$word "
  done
  while read -r line; do
    id="\${line%%|*}"
    case $current in
      -*)
        if [[ $typed == "$id"* && \${#id} -gt \${#best} ]]; then best="$id" flags="\${line#*|}"; fi
        ;;
      *)
        word="\${id#"$typed"}"
        if [[ -n $word && $id == "$typed$current"* ]]; then COMPREPLY+=("\${word%% *}"); fi
        ;;
    esac
  done <<<"$__tazpod_commands"
  for word in $flags; do
    if [[ $word == "$current"* ]]; then COMPREPLY+=("$word"); fi
  done
  if [ "\${#COMPREPLY[@]}" = 0 ] && [ -n "$typed" ]; then __tazpod_complete_value; fi
}

# Only TazPod knows the values. Bash makes a word of each "=".
__tazpod_complete_value() {
  local word
  local -a words=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [ "$word" != = ]; then words+=("$word"); fi
  done
  if [ "$word" = = ]; then words+=(''); fi
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(command tazpod __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F __tazpod_complete tazpod
`;
