// The files of this package, for what starts one of them by its path. The build puts modules together, so a module does
// not know what lies beside it; each program keeps its place below the folder that all code is in.

/** The package's folder, and in it the one of the code that runs: `src` in a checkout, `dist` when it is built. */
const [, packageFolder = '', codeFolder = ''] = /^([^]*)\/(src|dist|build)\//.exec(import.meta.filename) ?? [];

const ending = codeFolder === 'src' ? '.ts' : '.js';

/** The path of a program of ours, such as `ghost/session/launch`. */
export function ownProgram(name: string): string {
  return `${packageFolder}/${codeFolder}/${name}${ending}`;
}

/** The path of another file of the package, such as `bin/run.js`. */
export function packageFile(name: string): string {
  return `${packageFolder}/${name}`;
}
