import {workerData} from 'node:worker_threads';
import {serveThread, type ThreadData} from './serving-thread.ts';

serveThread(workerData as ThreadData);
