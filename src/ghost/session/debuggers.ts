/**
 * What keeps a Node from opening its debugger at SIGUSR1, in any version: an address at which no machine can listen
 * (192.0.2.0/24 is for documentation, RFC 5737). The signal then costs a line on standard error.
 *
 * `--disable-sigusr1` would be quieter. But a Node before 22.14 refuses to start with it, and a newer one leaves the
 * signal blocked for every program that it becomes.
 */
export const nodeWithoutDebugger = '--inspect-port=192.0.2.1:9229';

/** Keeps a Java machine from loading code at the word of another process. */
const javaWithoutAttach = '-XX:+DisableAttachMechanism';

/**
 * The environment in which programs of a session open no door to outside at a signal.
 *
 * Every process of the user's may send signals into the session, and the session shares network and /tmp with the
 * machine. Some runtimes take a signal for the wish to be debugged, and do what is then asked of them: Node at SIGUSR1
 * listens on the loopback address, and Java at SIGQUIT on a socket in /tmp. Erlang at SIGUSR1 writes its whole memory
 * to the working directory; here it goes into the vault.
 *
 * The user's own settings come later in each variable, and so have the last word. `TAZPOD_DEBUGGERS=1` leaves everything
 * as it is.
 */
export function withoutDebuggers(environment: Readonly<Record<string, string>>): Record<string, string> {
  if (environment['TAZPOD_DEBUGGERS'] === '1') return {...environment};
  const {NODE_OPTIONS: nodeOptions, JAVA_TOOL_OPTIONS: javaOptions, ...rest} = environment;
  return {
    ERL_CRASH_DUMP: `${environment['TMPDIR']}/erl_crash.dump`,
    ...rest,
    NODE_OPTIONS: join(nodeWithoutDebugger, nodeOptions),
    JAVA_TOOL_OPTIONS: join(javaWithoutAttach, javaOptions),
  };
}

/** Puts a word before those that are given, once. */
function join(word: string, given = ''): string {
  if (given.split(' ').includes(word)) return given;
  return given === '' ? word : `${word} ${given}`;
}
