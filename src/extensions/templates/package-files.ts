import type {Contributions} from '../../contract/index.ts';
import {contractVersion} from '../kinds.ts';

/** What a plugin can be made for. */
export const pluginKinds = ['backend', 'shell', 'cleanup', 'latch', 'pack'] as const;
export type PluginKind = (typeof pluginKinds)[number];

/** Who a new plugin is. */
export type NewPlugin = {
  /** Of the npm package: `tazpod-store`, `@team/tazpod-pack`. */
  readonly packageName: string;
  /** Without scope and `tazpod-`: `store`. */
  readonly shortName: string;
  readonly kind: PluginKind;
  /** Of the TazPod that makes it. */
  readonly coreVersion: string;
};

/** What is special about the plugins of a kind. */
export type Template = {
  readonly description: string;
  readonly contributions: Omit<Contributions, 'contract'>;
  /** What is published beside package.json and README.md. */
  readonly files: readonly string[];
  /** Whether it is TypeScript that is compiled to `dist/`. */
  readonly compiled: boolean;
  readonly oclif?: object;
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Path → text. */
  readonly texts: Readonly<Record<string, string>>;
  /** The part of README.md that says how it is used. */
  readonly usage: string;
};

/** The files of a new plugin by their paths. */
export function packageFiles(plugin: NewPlugin, template: Template): Readonly<Record<string, string>> {
  return {
    'package.json': `${JSON.stringify(packageJson(plugin, template), undefined, 2)}\n`,
    'README.md': readme(plugin, template),
    '.gitignore': 'node_modules/\ndist/\n*.tgz\n',
    ...(template.compiled ? {'tsconfig.json': `${JSON.stringify(compilerOptions, undefined, 2)}\n`} : {}),
    ...template.texts,
  };
}

const compilerOptions = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024'],
    types: ['node'],
    module: 'nodenext',
    rootDir: 'src',
    outDir: 'dist',
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
  include: ['src'],
};

function packageJson({packageName, coreVersion}: NewPlugin, template: Template): object {
  const {description, contributions, files, compiled, oclif, dependencies} = template;
  return {
    name: packageName,
    version: '0.1.0',
    description,
    license: 'UNLICENSED',
    keywords: ['tazpod', 'tazpod-plugin', 'oclif-plugin'],
    type: 'module',
    engines: {node: '>=22.15'},
    files,
    scripts: compiled
      ? {build: 'tsc', test: 'tsc && node --test test/*.test.js', prepack: 'tsc'}
      : {test: 'node --test test/*.test.js'},
    oclif: {bin: 'tazpod', dirname: 'tazpod', topicSeparator: ' ', ...oclif},
    tazpod: {contract: contractVersion, ...contributions},
    ...(dependencies === undefined ? {} : {dependencies}),
    // TazPod has the types of the contract, and nothing that is there at run time.
    ...(compiled
      ? {devDependencies: {'@types/node': '^24.0.0', tazpod: `^${coreVersion}`, typescript: '>=5.8.0 <7'}}
      : {}),
  };
}

function readme({packageName}: NewPlugin, {description, usage, compiled}: Template): string {
  return `# ${packageName}

${description}.

${usage}

## Working on it

\`\`\`sh
${compiled ? 'npm install\n' : ''}npm test
tazpod plugins link .        # use this folder
tazpod plugins               # what it brings, and what is wrong with it
npm publish
tazpod plugins install ${packageName}
\`\`\`
`;
}
