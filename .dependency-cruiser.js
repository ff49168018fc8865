// Imports run downwards only. A room is a directory of src/; each rule says what a room may reach.

/** Rooms of the privileged process, upper to lower: each may import those after it, and Node's own modules. */
const privileged = ['ghost', 'engines', 'luks', 'confined', 'kernel', 'lifecycle', 'foundation'];

/** Rooms of the user's process: what each may import besides itself. */
const userRooms = {
  commands: ['cli', 'help', 'tour', 'project', 'doctor', 'shell', 'secrets', 'vault', 'update', 'extensions', 'config'],
  hooks: ['cli', 'help', 'vault', 'config'],
  help: ['cli', 'config'],
  cli: ['shell', 'secrets', 'vault', 'update', 'extensions', 'config', 'kernel'],
  tour: ['vault', 'config', 'kernel'],
  project: ['secrets', 'config'],
  doctor: ['vault', 'extensions', 'config', 'luks', 'kernel'],
  vault: ['extensions', 'config', 'luks', 'kernel'],
  secrets: ['extensions', 'config', 'kernel'],
  shell: ['extensions', 'config'],
  update: [],
  extensions: ['config'],
  config: [],
};

/** Rooms within `secrets`: what each may import besides itself and the files that lie directly in `secrets`. */
const secretsRooms = {
  pull: ['consent', 'backends', 'installed', 'environment', 'mapping', 'vault-directory'],
  session: ['installed', 'environment', 'vault-directory'],
  consent: ['backends', 'mapping', 'vault-directory'],
  backends: ['mapping', 'vault-directory'],
  installed: ['environment', 'mapping', 'vault-directory'],
  environment: [],
  mapping: [],
  'vault-directory': [],
};

/** What every room of the user's process may import. */
const foundations = ['contract', 'lifecycle', 'foundation'];

/** Packages that the CLI and the judge are made of: development packages, since no install has them beside the bundle. */
const bundledPackages = [
  '@oclif/core',
  '@zxcvbn-ts/[^/]+',
  'execa',
  'fastest-levenshtein',
  'listr2',
  'mustache',
  'semver',
  'yaml',
  'zod',
];

/** Packages that the build bundles into plugins of this repository. */
const packagesOfPlugins = ['jose', 'undici'];

/** A pattern for the files of rooms: a directory of src/, or a single file there. */
const room = (/** @type {string[]} */ ...names) => `^src/(${names.join('|')})([.]ts$|/)`;

/**
 * @param {string} name
 * @param {string[]} allowed
 * @param {string} comment
 */
const downwards = (name, allowed, comment) => ({
  name: `${name}-imports-downwards`,
  comment,
  severity: 'error',
  from: {path: room(name)},
  to: {path: '^src/', pathNot: room(name, ...allowed)},
});

export default {
  forbidden: [
    ...privileged.map((name, index) =>
      downwards(
        name,
        privileged.slice(index + 1),
        'ghost → engines → luks → confined → kernel → lifecycle → foundation, never upwards',
      ),
    ),
    {
      name: 'no-package-runs-as-root',
      comment: 'the privileged process is made of our own files and of Node’s own modules',
      severity: 'error',
      from: {path: room(...privileged)},
      to: {pathNot: '^src/', dependencyTypesNot: ['core'], couldNotResolve: false},
    },
    {
      name: 'the-judge-stands-alone',
      comment: 'a program that the ghost starts without a privilege: nobody imports it, and it imports zxcvbn only',
      severity: 'error',
      from: {path: '^src/', pathNot: room('strength')},
      to: {path: room('strength')},
    },
    {
      name: 'engines-stand-alone',
      comment: 'an engine is one directory: none knows another',
      severity: 'error',
      from: {path: '^src/engines/([^/]+)/'},
      to: {path: '^src/engines/[^/]+/', pathNot: '^src/engines/$1/'},
    },
    ...Object.entries(userRooms).map(([name, allowed]) =>
      downwards(
        name,
        [...allowed, ...foundations],
        'commands → cli → services → extensions → config → contract, lifecycle, foundation',
      ),
    ),
    ...Object.entries(secretsRooms).map(([name, allowed]) => ({
      name: `secrets-${name}-imports-downwards`,
      comment: 'pull → consent → backends → mapping; pull, session → installed → environment, vault-directory',
      severity: 'error',
      from: {path: `^src/secrets/${name}/`},
      to: {path: '^src/secrets/[^/]+/', pathNot: `^src/secrets/(${[name, ...allowed].join('|')})/`},
    })),
    {
      name: 'secrets-rooms-are-known',
      comment: 'a new directory of src/secrets/ gets its place in .dependency-cruiser.js',
      severity: 'error',
      from: {path: '^src/secrets/[^/]+/', pathNot: `^src/secrets/(${Object.keys(secretsRooms).join('|')})/`},
      to: {},
    },
    {
      name: 'failures-know-no-room',
      comment: 'every room of secrets has its messages there',
      severity: 'error',
      from: {path: '^src/secrets/failures[.]ts$'},
      to: {path: '^src/secrets/'},
    },
    {
      name: 'mapping-is-pure',
      comment: 'it turns text into what is wanted: it reads no disk and asks nobody',
      severity: 'error',
      from: {path: '^src/secrets/mapping/'},
      to: {
        path: ['^(node:)?(fs|fs/promises|child_process|net|process)$', '^src/kernel/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'drawing-knows-no-command',
      comment: 'what asks and what draws is there for the base commands, and imports none of them',
      severity: 'error',
      from: {path: '^src/cli/(prompt|report)/'},
      to: {path: '^src/cli/[^/]+[.]ts$', pathNot: '^src/cli/(failures|wrap)[.]ts$'},
    },
    {
      name: 'contract-stands-alone',
      comment: 'plugins compile against it and import nothing else of the core',
      severity: 'error',
      from: {path: room('contract')},
      to: {pathNot: room('contract')},
    },
    {
      name: 'contract-is-types-only',
      comment: 'nothing of the contract exists at run time',
      severity: 'error',
      from: {path: '^(src|plugins)/'},
      to: {path: room('contract'), dependencyTypesNot: ['type-only']},
    },
    {
      name: 'plugins-know-the-contract-only',
      comment: 'a plugin imports types of tazpod/contract, and nothing of the core or of another plugin',
      severity: 'error',
      from: {path: '^plugins/([^/]+)/'},
      to: {path: '^(src|bin|plugins)/', pathNot: ['^plugins/$1/', room('contract')]},
    },
    {
      name: 'the-plugin-kit-knows-the-contract-only',
      comment: 'it is bundled into plugins, which may be installed beside another version of the core',
      severity: 'error',
      from: {path: '^plugin-kit/'},
      to: {path: '^(src|bin|plugins)/', pathNot: room('contract')},
    },
    {
      name: 'rooms-are-known',
      comment: 'a new directory of src/ gets its place in .dependency-cruiser.js',
      severity: 'error',
      from: {path: '^src/', pathNot: room(...privileged, ...Object.keys(userRooms), 'contract', 'strength')},
      to: {},
    },
    {
      name: 'no-cycles',
      comment: 'what imports each other is one thing in two files',
      severity: 'error',
      from: {},
      to: {circular: true},
    },
    {
      name: 'no-orphans',
      comment: 'nothing imports it and it imports nothing: it is dead',
      severity: 'error',
      from: {orphan: true, path: '^src/', pathNot: [room('commands', 'contract'), '[.]d[.]ts$']},
      to: {},
    },
    {
      name: 'no-development-package',
      comment:
        'what users run may only import what is installed for them, and src/ what the build puts into the bundle',
      severity: 'error',
      from: {path: '^(src|bin|plugins/[^/]+/src)/'},
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot: `node_modules/(${[...bundledPackages, ...packagesOfPlugins].join('|')})/`,
      },
    },
    {
      name: 'packages-of-plugins-stay-there',
      comment: 'src/ makes no connections of its own',
      severity: 'error',
      from: {path: '^(src|bin)/'},
      to: {path: `node_modules/(${packagesOfPlugins.join('|')})/`},
    },
    {
      name: 'only-src-is-bundled',
      comment: 'the entries in bin/ run as they are, and a plugin has what it needs of src/ from plugin-kit',
      severity: 'error',
      from: {path: '^(bin/(?!dev[.])|plugins/[^/]+/src/)'},
      to: {path: `node_modules/(${bundledPackages.join('|')})/`, dependencyTypes: ['npm-dev']},
    },
    {
      name: 'nothing-unresolved',
      comment: 'an import that leads nowhere',
      severity: 'error',
      from: {},
      to: {couldNotResolve: true},
    },
  ],
  options: {
    doNotFollow: {path: '(^|/)node_modules/'},
    // What is built of the plugins: its declarations still name their sources.
    exclude: {path: '^plugins/[^/]+/dist/'},
    tsPreCompilationDeps: true,
    tsConfig: {fileName: 'tsconfig.check.json'},
    enhancedResolveOptions: {exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types']},
  },
};
