import {cruise, type ICruiseResult} from 'dependency-cruiser';
import {root} from '../setup.js';

/** A file of src/ and one that it imports, both as paths in the checkout. */
export type Import = readonly [from: string, to: string];

/** Every import between two files of src/, those of types too. */
export async function readImports(): Promise<Import[]> {
  const {output} = await cruise(['src'], {
    baseDir: root,
    doNotFollow: {path: '(^|/)node_modules/'},
    tsPreCompilationDeps: true,
  });
  return (output as ICruiseResult).modules.flatMap(({source, dependencies}) =>
    dependencies.filter(({resolved}) => resolved.startsWith('src/')).map(({resolved}): Import => [source, resolved]),
  );
}
