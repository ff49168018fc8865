import {join} from 'node:path';
import type {Shell, ShellCommand, ShellInput} from 'tazpod/contract';

/** Bash 4.4 and newer. What a shell runs when it starts is assignments and definitions: no process, no sub-shell. */
const bash: Shell = {
  contract: 1,
  startUpFile: ({home}) => join(home, '.bashrc'),
  renderSourceLine: (snippetPath) => `if [ -r ${quote(snippetPath)} ]; then . ${quote(snippetPath)}; fi`,
  renderSnippet: (input) =>
    [
      functions(input),
      ...input.latches.map(
        // With the word `function`, because an alias of the same name would be put in its place.
        ({command, reason = ''}) => `function ${command} { __tazpod_latch ${command} ${quote(reason)} "$@"; }`,
      ),
      completion(input.commands),
    ].join('\n'),
};

export default bash;

/** A word of the shell, whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

const functions = ({tazpod, environmentFolder}: ShellInput) => `\
# TazPod in Bash. Made by "tazpod shell install", which makes it anew.

__tazpod() { ${tazpod.map(quote).join(' ')} "$@"; }

function tazpod {
  local words="\${1-}" code
  case $words in
    vault | secrets) words="$words \${2-}" ;;
    *:*) words="\${words/:/ }" ;;
  esac
  if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then
    # On a terminal only: what is read by "eval" or a pipe must come.
    case "$words $#" in
      'env 1' | 'secrets env 2' | 'secrets env 1') [ -t 1 ] && __tazpod_environment && return ;;
    esac
    __tazpod "$@"
    code=$?
    case $code,$words in
      0,pull | 0,sync | 0,login | 0,'secrets pull' | 0,'secrets login') __tazpod_environment ;;
    esac
    return $code
  fi
  __tazpod "$@"
  code=$?
  case $code,$words in
    0,unlock | 0,pull | 0,sync | 0,reinit | 0,'vault unlock' | 0,'secrets pull') __tazpod_leave "$@" ;;
  esac
  return $code
}

# The variables that were pulled. They are a file of the vault: there is nothing of them outside.
__tazpod_environment() {
  local file="\${TAZPOD_VAULT-}"/${quote(environmentFolder)}/environment.sh
  [ -n "\${TAZPOD_VAULT-}" ] && [ -r "$file" ] || return
  . "$file"
  return 0
}

# The end of the ghost is the end of the terminal's first shell too: an SSH or container session closes with it.
__tazpod_leave() {
  local word stat IFS=' '
  case $- in *i*) ;; *) return ;; esac
  [ -z "\${TAZPOD_STAY-}" ] || return
  for word; do
    case $word in -h | --help | --json | --no-shell) return ;; --) break ;; esac
  done
  # The first shell of a terminal leads its session: the fourth field behind the name is its own number.
  read -r stat 2>/dev/null <"/proc/$$/stat" || return
  set -- \${stat##*) }
  [ "\${4-}" = "$$" ] && exit 0
}

__tazpod_latch() {
  local name="$1" reason="$2" answer
  shift 2
  if [ "\${TAZPOD_GHOST_MODE-}" = true ]; then
    command "$name" "$@"
    return
  fi
  printf '%s runs inside the vault only%s.\\n' "$name" "\${reason:+: $reason}" >&2
  if [ ! -t 0 ] || [ ! -t 2 ]; then
    printf 'Next: tazpod exec -- %s\\n' "$name" >&2
    return 77
  fi
  printf 'Open the vault for it? [Y/n] ' >&2
  read -r answer || return 77
  case $answer in '' | [Yy] | [Yy][Ee][Ss]) __tazpod exec -- "$name" "$@" ;; *) return 77 ;; esac
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
  __tazpod_environment || :
  case $- in *i*) [ -z "$__tazpod_mark" ] || __tazpod_watch_prompt ;; esac
fi
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
        if [[ $id == "$typed$current"* ]]; then
          word="\${id#"$typed"}"
          COMPREPLY+=("\${word%% *}")
        fi
        ;;
    esac
  done <<<"$__tazpod_commands"
  for word in $flags; do
    if [[ $word == "$current"* ]]; then COMPREPLY+=("$word"); fi
  done
}
complete -o default -F __tazpod_complete tazpod
`;
