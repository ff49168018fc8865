import {readFileSync} from 'node:fs';
import {ZxcvbnFactory} from '@zxcvbn-ts/core';
import {adjacencyGraphs, dictionary as common} from '@zxcvbn-ts/language-common';
import {dictionary as english} from '@zxcvbn-ts/language-en';

/*
 * Reads a passphrase from standard input and prints how many guesses it takes, as a power of ten. A program of its own,
 * because its package must not run as root: the ghost starts it without a privilege, without a network, without the
 * right to write a file, and where no other process of the user can look into it. It answers with one number and ends.
 * The beginning of a long passphrase says enough, and the time grows with the length.
 */
const {guessesLog10} = new ZxcvbnFactory({dictionary: {...common, ...english}, graphs: adjacencyGraphs}).check(
  readFileSync(0, 'utf8').slice(0, 64),
);
process.stdout.write(`${Math.floor(guessesLog10)}\n`);
