import { nullTranslator } from '@jupyterlab/translation';

import { formatDuration, formatRelative, nextTick } from '../time';

const trans = nullTranslator.load('jupyter_mlops');

test.each([
  [-1, '0 ms'],
  [0.0421, '42 ms'],
  [1, '1.0 s'],
  [9.94, '9.9 s'],
  [59.9, '59 s'],
  [200, '3 min 20 s'],
  [3600 * 2 + 300, '2 h 5 min'],
  [86_400 * 3 + 3600, '3 d 1 h']
])('%d seconds are said as %s', (seconds, text) => {
  expect(formatDuration(seconds, trans)).toBe(text);
});

test.each([
  [-5, 'just now'],
  [9, 'just now'],
  [45, '45 sec. ago'],
  [150, '2 min. ago'],
  [7200, '2 hr. ago'],
  [86_400 * 3, '3 days ago'],
  [86_400 * 15, '2 wk. ago'],
  [86_400 * 70, '2 mo. ago'],
  [86_400 * 800, '2 yr. ago']
])('%d seconds ago read %s', (age, text) => {
  expect(formatRelative(1_000_000_000, 1_000_000_000 + age, trans, 'en')).toBe(text);
});

test('relative times speak the language of the page', () => {
  expect(formatRelative(0, 150, trans, 'ko')).toBe('2분 전');
});

test('older times are looked at less often', () => {
  expect(nextTick(5)).toBeLessThan(nextTick(600));
  expect(nextTick(600)).toBeLessThan(nextTick(86_400));
});
