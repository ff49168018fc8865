import {join} from 'node:path';
import type {LatchDeclaration, Shell, ShellCommand, ShellInput} from 'tazpod/contract';
import {noRoot, rootPrograms} from '../../../plugin-kit/shell.ts';

/** Fish 3.1 and newer. What a shell runs when it starts is assignments and definitions: no process, no sub-shell. */
const fish: Shell = {
  contract: 1,
  startUpFile: ({home, environment}) =>
    join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'fish', 'config.fish'),
  renderSourceLine: (snippetPath) => `test -r ${quote(snippetPath)}; and source ${quote(snippetPath)}`,
  renderSnippet: (input) =>
    [functions(input), ...input.latches.map((latch) => latchFunction(input, latch)), completion(input.commands)].join(
      '\n',
    ),
  renderCompletion: (commands) => completion(commands).trimStart(),
};

export default fish;

/** Any text as one word of the shell. */
export function quote(word: string): string {
  return `'${word.replaceAll('\\', '\\\\').replaceAll("'", `\\'`)}'`;
}

/*
 * Agents copy the user's functions into a file and leave out those whose names begin with "_". What a user types must
 * work without any of those: they are for interactive shells only.
 */

const functions = ({tazpod, environmentFolder}: ShellInput) => `\
# TazPod in fish. Written by "tazpod shell install", which also updates it.

function tazpod
    set -l words "$argv[1]"
    switch $words
        case vault secrets
            set words "$words $argv[2]"
        case '*:*'
            set words (string replace -- : ' ' $words)
    end
    # The variables that were pulled are a file of the vault: there is nothing of them outside.
    set -l file ${environmentFile(environmentFolder)}
    if test "$TAZPOD_GHOST_MODE" = true; and test -n "$TAZPOD_VAULT"; and test -r "$file"
        # On a terminal only: what is read by "source" or a pipe must come.
        switch "$words "(count $argv)
            case 'env 1' 'secrets env 2' 'secrets env 1'
                isatty stdout; and source "$file"; and return
        end
    end
    ${words(tazpod)} $argv
    set -l code $status
    if test "$TAZPOD_GHOST_MODE" = true
        switch "$code,$words"
            case 0,pull 0,sync 0,login '0,secrets pull' '0,secrets login'
                test -n "$TAZPOD_VAULT"; and test -r "$file"; and source "$file"
        end
        return $code
    end
    switch "$code,$words"
        case 0,unlock 0,pull 0,sync 0,reinit '0,vault unlock' '0,secrets pull'
            status is-interactive; and functions -q __tazpod_leave; and __tazpod_leave $argv
    end
    return $code
end

# The end of the ghost is the end of the terminal's first shell too: an SSH or container session closes with it.
function __tazpod_leave
    status is-interactive; and test -z "$TAZPOD_STAY"; or return
    for word in $argv
        switch $word
            case -h --help --json --no-shell
                return
            case --
                break
        end
    end
    # The first shell of a terminal leads its session: the fourth field behind the name is its own number.
    test -r /proc/$fish_pid/stat; or return
    read -l stat </proc/$fish_pid/stat
    set -l fields (string split -- ' ' (string replace -r -- '.*\\) ' '' $stat))
    test "$fields[4]" = $fish_pid; and exit 0
end

function __tazpod_status
    return $argv[1]
end

if test "$TAZPOD_GHOST_MODE" = true
    set -g __tazpod_mark '(ghost) '
    string match -qir -- 'utf-?8' "$LC_ALL" "$LC_CTYPE" "$LANG"; and set -g __tazpod_mark '👻 '
    set -q TAZPOD_PROMPT_MARK; and set -g __tazpod_mark $TAZPOD_PROMPT_MARK
    test -n "$TAZPOD_VAULT"; and test -r ${environmentFile(environmentFolder)}; and source ${environmentFile(environmentFolder)}
    set -gx TAZPOD_SHELL_PID $fish_pid
${rootPrograms.map((name) => `    function ${name}; echo ${quote(noRoot(name))} >&2; return 1; end`).join('\n')}
    # The mark in the prompt. A theme may make the prompt later than this, so it is looked after before each one.
    if test -n "$__tazpod_mark"
        function __tazpod_prompt --on-event fish_prompt
            functions fish_prompt | string match -q '*__tazpod_mark*'; and return
            functions -e __tazpod_plain_prompt
            functions -c fish_prompt __tazpod_plain_prompt
            function fish_prompt
                set -l code $status
                printf %s "$__tazpod_mark"
                __tazpod_status $code
                __tazpod_plain_prompt
            end
        end
    end
end
`;

const environmentFile = (folder: string) => `"$TAZPOD_VAULT"/${quote(folder)}/environment.fish`;

const words = (tazpod: readonly string[]) => tazpod.map(quote).join(' ');

const latchFunction = ({tazpod}: ShellInput, {command, reason = ''}: LatchDeclaration) => `\
function ${command}
    if test "$TAZPOD_GHOST_MODE" = true
        command ${command} $argv
        return
    end
    printf '%s runs inside the vault only%s.\\n' ${command} ${quote(reason === '' ? '' : `: ${reason}`)} >&2
    if not begin; isatty stdin; and isatty stderr; end
        printf 'Next: tazpod exec -- %s\\n' ${command} >&2
        return 77
    end
    read -l -P 'Open the vault for it? [Y/n] ' answer; or return 130
    switch (string lower -- "$answer")
        case '' y yes
            ${words(tazpod)} exec -- ${command} $argv
        case '*'
            return 77
    end
end
`;

const completion = (commands: readonly ShellCommand[]) => `
set -g __tazpod_commands ${commands
  .map(({id, summary, flags}) => quote([`${id} `, flags.join(' '), summary].join('|')))
  .join(' \\\n    ')}

function __tazpod_complete
    set -l current (commandline -ct)
    set -l typed ''
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and break
        set typed "$typed$word "
    end
    set -l best ''
    set -l found no
    set -l flags
    for line in $__tazpod_commands
        set -l fields (string split -m 2 -- '|' $line)
        if string match -q -- '-*' "$current"
            if string match -q -- "$fields[1]*" "$typed"; and test (string length -- $fields[1]) -gt (string length -- "$best")
                set best $fields[1]
                set flags (string split -- ' ' $fields[2])
            end
        else if string match -q -- "$typed$current*" $fields[1]; and test "$fields[1]" != "$typed"
            set found yes
            set -l rest (string split -- ' ' (string sub -s (math (string length -- "$typed") + 1) -- $fields[1]))
            if test -z "$rest[2]"
                printf '%s\\t%s\\n' $rest[1] $fields[3]
            else
                printf '%s\\n' $rest[1]
            end
        end
    end
    if test -n "$flags"; and not string match -q -- '--*=*' "$current"
        printf '%s\\n' $flags
    else if test $found = no; and test -n "$typed"
        # Only TazPod knows the values.
        set -l values (command tazpod __complete -- (commandline -opc)[2..-1] "$current" 2>/dev/null)
        test -n "$values"; and printf '%s\\n' $values; or __fish_complete_path "$current"
    end
    return 0
end
complete -c tazpod -f -a '(__tazpod_complete)'
`;
