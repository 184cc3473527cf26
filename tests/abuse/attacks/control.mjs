/* No attack: the hold that the others measure works, and is measured. */
import { buyers, check, hall, holdTimes, median, say } from '../lib.mjs';

const where = await hall(2, 50);
const times = await holdTimes(where, await buyers(where, 10));
say(`median hold ${median(times).toFixed(1)} ms`);
check('holds are made and timed', times.length === 10);
process.exit();
