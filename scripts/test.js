// `npm test`: set-up, the checks, then every test below test/. The last line is "N passed, N failed"; a check counts
// as one. `--checks` runs the checks only; `--only` the tests only, those that are named after it or all.
import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {buildWhenStale} from './build.js';
import {checkoutState, newIn} from './checkout.js';
import {share} from './sample.js';
import {projectNode, root, setUp} from './setup.js';
import {runtimePrograms, testPrograms} from './system-packages.js';
import {endWith, say, SetUpError} from './terminal.js';

/** How long mocha may live on after its last test before what the tests left behind counts as a failure. */
const lingerMs = 15_000;

/** Of the file beside the summary that is there when mocha has begun to leave, as `reporter.ts` makes it. */
const leavingSuffix = '.leaving';

/** How many of the slowest files are named at the end. */
const slowestShown = 60;

/** Each group runs one after the other, the groups two at a time; the manifest is made from what the build made. */
const checks = [
  [
    {name: 'build', command: ['scripts/build.js']},
    {name: 'manifest', command: ['scripts/manifest.js', '--check']},
    {name: 'reference', command: ['scripts/reference.ts', '--check']},
    {name: 'architecture', command: ['scripts/architecture.ts', '--check']},
    {
      name: 'import rules',
      command: [installed('depcruise'), '--config', '.dependency-cruiser.js', 'src', 'bin', 'plugins', 'plugin-kit'],
    },
  ],
  [{name: 'prose', command: ['scripts/prose.ts']}],
  [{name: 'unused', command: [installed('knip'), '--no-progress', '--no-config-hints']}],
  [{name: 'lint', command: [installed('eslint'), '.']}],
  [{name: 'types', command: [installed('tsc'), '-p', 'tsconfig.check.json']}],
  [{name: 'format', command: [installed('prettier'), '--check', '--cache', '--log-level=warn', '.']}],
];

// Not the `spec` of .mocharc.json: mocha adds the files that are named on the command line to that, so that
// `npm run test:only -- FILE` would run all of them.
const everything = ['test/**/*.test.ts', 'plugins/*/test/**/*.test.ts'];

/** Half of it, by what it costs: the two halves run at the same time. */
const beside = [
  'plugins/*/test/**/*.test.ts',
  'test/{bed,bin,cli,config,container,crash,docs,doctor,engines,extensions,foundation,ghost,golden,help,hooks,kernel,lifecycle}/**/*.test.ts',
  'test/{luks,package,project,scripts,secrets,shell,strength,update,vault,vm}/**/*.test.ts',
];

/** How many runs of everything play each file of `inTurns` once. */
const turns = 5;

/**
 * Files that take long and go into the corners of something whose everyday use others test: a run of everything plays a
 * fifth of them, which the commit decides: a column. The columns cost about the same.
 */
const inTurns = [
  'vm/dm-crypt-engine engines/file-system product/at-once vm/interop vm/each-engine',
  'product/clean engines/crash luks/cryptsetup crash/power-cut isolation/signals',
  'product/pass product/jobs product/read-only vm/broken-disk extensions/global-install',
  'update/update product/joined extensions/install crash/prompts isolation/races',
  'docs/recovery product/scale product/created-vault product/refusals vm/clean',
  'product/killed product/bridges extensions/bundled isolation/hostile-plans crash/exhaustion',
  'product/escalation engines/fuse/engine product/killed-create luks/forged-headers product/left-behind',
  'product/login-services product/foreign-image product/image-removed package/debian product/many-rounds',
  'product/surroundings isolation/from-inside product/adopt product/refused-writes extensions/create',
  'luks/header-draft product/backup product/keys product/destroy product/named-vaults',
  'product/absorb product/config ghost/bridges/bridge-worker product/each-engine product/hostile-images',
]
  .flatMap((line) => line.split(' '))
  .map((name) => `test/${name}.test.ts`);

/** @type {string[]} */
const atTheEnd = [];

/**
 * @typedef {{passed: number, failed: number, skipped: string[], failures: string[], seconds: Record<string, number>}}
 *   Summary
 */

await endWith(async () => {
  setUp({...runtimePrograms, ...testPrograms});
  const [mode, ...rest] = process.argv.slice(2);
  const summaries = [];
  const before = checkoutState(root);
  if (mode === '--only') freshen();
  else summaries.push(await runChecks());
  if (mode === '--only') summaries.push(await runTests(rest.length > 0 ? rest : everything));
  else if (mode !== '--checks') summaries.push(...(await runEverything()));
  // The transcripts in test/golden are what that asks for.
  const left = process.env['UPDATE_GOLDEN'] === '1' ? [] : newIn(before, checkoutState(root));
  if (left.length > 0) {
    atTheEnd.push(`\nThis run changed the checkout:\n${left.map((line) => `  ${line}\n`).join('')}`);
    summaries.push(failure('The run changed the checkout.'));
  }
  return conclude(summaries);
});

/**
 * The program that a package of node_modules brings.
 *
 * @param {string} name
 */
function installed(name) {
  return join('node_modules', '.bin', name);
}

/** Builds, for the tests that start the program. What has type errors is built all the same. */
function freshen() {
  try {
    buildWhenStale();
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say('The build has errors, "npm run build" shows them. The tests run on what it made.');
  }
}

/** @returns {Promise<Summary>} */
async function runChecks() {
  /** @type {Summary} */
  const summary = {passed: 0, failed: 0, skipped: [], failures: [], seconds: {}};
  const waiting = [...checks];
  const worker = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      for (const {name, command} of group) {
        const started = Date.now();
        const {code, output} = await runNode(command);
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        if (code === 0) summary.passed += 1;
        else {
          summary.failed += 1;
          summary.failures.push(`check: ${name}`);
        }
        process.stdout.write(code === 0 ? `  ✔ ${name} (${seconds} s)\n` : `  ✘ ${name} (${seconds} s)\n${output}\n`);
      }
    }
  };
  await Promise.all([worker(), worker()]);
  return summary;
}

/**
 * The tests, in two runs at a time where there are two processors. What the second says is shown when both have ended.
 *
 * @returns {Promise<Summary[]>}
 */
async function runEverything() {
  const played = new Set(share(inTurns, turns));
  const waits = inTurns.filter((file) => !played.has(file));
  const without = (/** @type {readonly string[]} */ files) => files.flatMap((file) => ['--ignore', file]);
  if (availableParallelism() < 2) return [await runTests([...everything, ...without(waits)])];
  return Promise.all([
    runTests([...everything, ...without([...beside, ...waits])]),
    runTests([...beside, ...without(waits)], {showAtTheEnd: true}),
  ]);
}

/**
 * @param {string[]} args for mocha: files, directories or patterns, and options
 * @param {{showAtTheEnd?: boolean}} [options]
 * @returns {Promise<Summary>}
 */
async function runTests(args, {showAtTheEnd = false} = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-test-'));
  const summaryPath = join(folder, 'summary.json');
  try {
    const command = [installed('mocha'), '--reporter-options', `summary=${summaryPath}`];
    const {code, lingered, output} = await runMocha([...command, ...args], summaryPath, showAtTheEnd);
    atTheEnd.push(output);
    if (!existsSync(summaryPath)) {
      return failure(`The tests ended before their end, with ${code}.`);
    }
    /** @type {Summary} */
    const summary = JSON.parse(readFileSync(summaryPath, 'utf8'));
    if (lingered) {
      summary.failed += 1;
      summary.failures.push('The tests left something running: mocha did not end after the last one.');
    } else if (code !== 0 && summary.failed === 0) {
      summary.failed += 1;
      summary.failures.push(`mocha failed with ${code} although no test did.`);
    }
    return summary;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/**
 * What is no test and failed all the same.
 *
 * @param {string} what
 * @returns {Summary}
 */
function failure(what) {
  return {passed: 0, failed: 1, skipped: [], failures: [what], seconds: {}};
}

/**
 * Prints the slowest files, what failed, and the last line, and returns the exit code.
 *
 * @param {Summary[]} summaries
 */
function conclude(summaries) {
  for (const output of atTheEnd) process.stdout.write(output);
  const passed = summaries.reduce((sum, summary) => sum + summary.passed, 0);
  const failed = summaries.reduce((sum, summary) => sum + summary.failed, 0);
  const skipped = summaries.flatMap((summary) => summary.skipped);
  const refused = skipped.length > 0 && process.env['CI'] === 'true';
  const slowest = summaries
    .flatMap(({seconds}) => Object.entries(seconds))
    .sort(([, one], [, other]) => other - one)
    .slice(0, slowestShown);
  if (summaries.length > 1 && slowest.length > 0) {
    const lines = slowest.map(([file, seconds]) => `${seconds.toFixed(0).padStart(6)} s  ${file}\n`);
    process.stdout.write(`\nThe slowest files:\n${lines.join('')}`);
  }
  const failures = summaries.flatMap((summary) => summary.failures);
  if (summaries.length > 1 && failures.length > 0) process.stdout.write(`\nFailed:\n  ${failures.join('\n  ')}\n`);
  if (refused) process.stdout.write('Under CI nothing may be skipped, so the run fails.\n');
  process.stdout.write(
    `\n${passed} passed, ${failed} failed${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}\n`,
  );
  return failed > 0 || refused || passed === 0 ? 1 : 0;
}

/**
 * Runs a script of the project's on its Node and keeps what it says.
 *
 * @param {string[]} command
 * @returns {Promise<{code: number | null, output: string}>}
 */
function runNode(command) {
  return new Promise((resolve, reject) => {
    const child = spawn(projectNode(), command, {cwd: root, stdio: ['ignore', 'pipe', 'pipe']});
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    }
    child.on('error', reject).on('close', (code) => resolve({code, output}));
  });
}

/**
 * Runs mocha, with its output as ours or kept. Once its summary is there it has `lingerMs` to end.
 *
 * @param {string[]} command
 * @param {string} summaryPath
 * @param {boolean} keepOutput
 * @returns {Promise<{code: number | null, lingered: boolean, output: string}>}
 */
function runMocha(command, summaryPath, keepOutput) {
  return new Promise((resolve, reject) => {
    const stream = keepOutput ? 'pipe' : 'inherit';
    const child = spawn(projectNode(), command, {cwd: root, stdio: ['inherit', stream, stream]});
    let output = '';
    for (const kept of [child.stdout, child.stderr]) {
      kept?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    }
    let since = Infinity;
    let lingered = false;
    const watch = setInterval(() => {
      // What is done on leaving, such as to remove a hundred users, takes its time.
      if (existsSync(`${summaryPath}${leavingSuffix}`)) return;
      if (since === Infinity && existsSync(summaryPath)) since = Date.now();
      if (Date.now() - since < lingerMs) return;
      lingered = true;
      child.kill('SIGKILL');
    }, 500);
    child.on('error', reject).on(keepOutput ? 'close' : 'exit', (code) => {
      clearInterval(watch);
      resolve({code, lingered, output});
    });
  });
}
