// `npm run picture`: records the tour on a stage and draws docs/tour.svg, the picture of README.md.
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {buildWhenStale} from './build.js';
import {framesOf} from './picture/recording.ts';
import {play} from './picture/stage.ts';
import {renderSvg} from './picture/svg.ts';
import {root} from './setup.js';
import {endWith} from './terminal.js';

const command = 'tazpod tour';
const columns = 100;
const rows = 28;

await endWith(async () => {
  buildWhenStale();
  const frames = framesOf(command, await play(command, columns, rows), columns, rows);
  writeFileSync(join(root, 'docs', 'tour.svg'), renderSvg(frames, columns, command));
  return 0;
});
