// `npm run test:crash`: every case, one bench for each scenario, as many at a time as there are cores. The last line
// is "N cases, N leaks, N losses". Arguments: names of scenarios, or regular expressions for
// `SCENARIO: SIGNAL to VICTIM at POINT`.
import {availableParallelism} from 'node:os';
import {Bench, type Death, type Verdict} from './bench.ts';
import {deathsOf, nameOfDeath} from './matrix.ts';
import {AskedUser, type Interruption, interruptions, prompts} from './prompts.ts';
import {type Scenario, scenarios} from './scenarios.ts';

const names = scenarios.map(({name}) => name).filter((name) => process.argv.includes(name));
const patterns = process.argv
  .slice(2)
  .filter((argument) => !names.includes(argument))
  .map((argument) => new RegExp(argument));
const count = {cases: 0, leaks: 0, losses: 0};

async function runScenario(scenario: Scenario): Promise<void> {
  const deaths = await survey(scenario);
  let bench: Bench | undefined;
  for (const death of deaths) {
    const name = `${scenario.name}: ${nameOfDeath(death)}`;
    if (!patterns.every((pattern) => pattern.test(name))) continue;
    bench ??= await Bench.make(scenario);
    const verdict = await judge(bench, death);
    tell(name, verdict);
    if (verdict.leaks.length + verdict.losses.length === 0) continue;
    // What one case left must not be found again by the next.
    bench.close();
    bench = undefined;
  }
  bench?.close();
}

/** The deaths of a scenario; none, and a leak, where it did not come to its end even unharmed. */
async function survey(scenario: Scenario): Promise<Death[]> {
  const bench = await Bench.make(scenario);
  try {
    return deathsOf(scenario, await bench.survey());
  } catch (error) {
    tell(`${scenario.name}: unharmed`, {leaks: [error instanceof Error ? error.message : String(error)], losses: []});
    return [];
  } finally {
    bench.close();
  }
}

/** A case that could not be played to its end counts as a leak: nobody knows what it left. */
async function judge(bench: Bench, death: Death): Promise<Verdict> {
  try {
    return await bench.run(death);
  } catch (error) {
    return {leaks: [error instanceof Error ? error.message : String(error)], losses: []};
  }
}

async function runPrompts(): Promise<void> {
  const user = await AskedUser.make();
  for (const interruption of Object.keys(interruptions) as Interruption[]) {
    for (const prompt of prompts) {
      const name = `asked for ${prompt.name}: ${interruption}`;
      if (!patterns.every((pattern) => pattern.test(name))) continue;
      tell(name, {leaks: await user.interrupt(prompt, interruption), losses: []});
    }
  }
  user.close();
}

function tell(name: string, {leaks, losses}: Verdict): void {
  count.cases += 1;
  if (leaks.length > 0) count.leaks += 1;
  if (losses.length > 0) count.losses += 1;
  const bad = [...leaks, ...losses];
  process.stdout.write(`  ${bad.length === 0 ? '✔' : '✘'} ${name}\n${bad.map((what) => `      ${what}\n`).join('')}`);
}

const chosen = names.length === 0 ? scenarios : scenarios.filter(({name}) => names.includes(name));
const waiting = [...chosen.map((scenario) => () => runScenario(scenario)), ...(names.length === 0 ? [runPrompts] : [])];
const worker = async () => {
  for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await run();
};
await Promise.all(Array.from({length: availableParallelism()}, worker));
process.stdout.write(`\n${count.cases} cases, ${count.leaks} leaks, ${count.losses} losses\n`);
process.exit(count.leaks + count.losses > 0 || count.cases === 0 ? 1 : 0);
