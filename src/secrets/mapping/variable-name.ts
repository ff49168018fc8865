/**
 * Variables whose values decide what code programs load or run, where they look for their own files, or
 * whom they trust. A `secrets.yml` may come with a cloned repository, and a value from a store that others write to.
 */
const decisive: readonly RegExp[] = [
  // The dynamic loader and the C library: ld.so(8), and what it ignores in setuid programs for the same reason.
  /^LD_/,
  /^DYLD_/,
  /^(GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_\w+|NIS_PATH|NLSPATH|RESOLV_HOST_CONF|RES_OPTIONS|TZDIR)$/,
  // Shells.
  /^(PATH|HOME|SHELL|USER|LOGNAME|IFS|ENV|BASH_ENV|BASH_\w+|SHELLOPTS|BASHOPTS|PROMPT_COMMAND|PS[0-4]|CDPATH|GLOBIGNORE)$/,
  /^(ZDOTDIR|FPATH|MODULE_PATH|PSVAR|RPS1|RPROMPT|PROMPT\d?|READNULLCMD|NULLCMD|HISTFILE|INPUTRC|TERMINFO(_DIRS)?|TERMCAP|TERM)$/,
  /^(fish_\w+|__fish\w*|XDG_\w+|TMPDIR|TMP|TEMP|TMUX_TMPDIR|TMUX|STY)$/,
  // Languages.
  /^(NODE_(?!AUTH_TOKEN$|ENV$)\w+|NPM_CONFIG_\w+|npm_config_\w+|DENO_(DIR|INSTALL\w*|CERT)|BUN_INSTALL\w*|ELECTRON_RUN_AS_NODE)$/,
  /^(PYTHON\w*|PERL\w*|RUBY\w*|GEM_(HOME|PATH)|BUNDLE_(GEMFILE|PATH|BIN)|LUA_\w+|PHPRC|PHP_INI_SCAN_DIR|TCLLIBPATH|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH)$/,
  /^(GOFLAGS|GOPATH|GOBIN|GOROOT|GOPROXY|CARGO_(?!REGISTR)\w+|RUSTC\w*|RUSTFLAGS|MAKEFLAGS|MAKEFILES|CC|CXX|GCC_EXEC_PREFIX|COMPILER_PATH)$/,
  // Programs that run commands from their variables.
  /^(EDITOR|VISUAL|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|LESS|SUDO_\w+|SSH_ASKPASS\w*|GIT_(?!AUTHOR_|COMMITTER_)\w+|GNUPGHOME|RSYNC_RSH|CVS_RSH)$/,
  /^(DOCKER_CONFIG|KUBECTL_\w+|HELM_PLUGINS|PASSWORD_STORE_\w+|OPENSSL_\w+|SSL_CERT_\w+|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|DBUS_\w+)$/,
  /^TAZPOD(_|$)/,
];

/** Variables that some shell keeps for itself: assigned to, they are refused, or hold something else afterwards. */
const shellsOwn =
  /^(_|UID|EUID|GID|EGID|PPID|USERNAME|GROUPS|RANDOM|SRANDOM|SECONDS|LINENO|FUNCNAME|DIRSTACK|HISTCMD|EPOCH(SECONDS|REALTIME)|COMP_\w+|COPROC|OPT(IND|ARG|ERR)|REPLY|MAILCHECK|PIPESTATUS|SHLVL|PWD|OLDPWD|COLUMNS|LINES|TTY|TTYIDLE|ERRNO|ARGC|KEYTIMEOUT|LISTMAX|LOGCHECK|SAVEHIST|HISTSIZE|HISTFILESIZE|FUNCNEST|WATCH|ZSH_\w+|FISH_VERSION|path|cdpath|fpath|manpath|mailpath|module_path|argv|status|pipestatus|version|history|hostname|umask|signals|prompt|watch|fignore|psvar|histchars|options|aliases|functions|commands|parameters|zsh_\w+)$/;

/**
 * What is wrong with a name that is to be a variable, as the end of a sentence, or undefined. `allowed` are the names
 * that change how programs load and were agreed to.
 */
export function faultOfVariable(name: string, allowed: readonly string[] = []): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return 'is not a valid variable name.';
  if (name.length > 255) return 'is too long for a variable.';
  if (shellsOwn.test(name)) return 'is a variable that shells reserve.';
  if (name.startsWith('TAZPOD')) return 'is a variable that TazPod reserves.';
  if (allowed.includes(name)) return undefined;
  return isDecisive(name)
    ? 'is a variable that changes how programs load: list it in allow-env if you want it.'
    : undefined;
}

/** True for a variable that takes the user's agreement. */
export function isDecisive(name: string): boolean {
  return decisive.some((pattern) => pattern.test(name));
}
