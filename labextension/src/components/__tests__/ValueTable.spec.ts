import { asLines, search } from '../run/ValueTable';

const rows = [
  { name: 'lr', values: ['0.1', '3'] },
  { name: 'model', values: ['res…'], whole: 'resnet\n50' }
];

it('rows are found by words of their names and whole values', () => {
  expect(search(rows, ' ')).toBe(rows);
  expect(search(rows, 'MODEL resnet').map(row => row.name)).toEqual(['model']);
  expect(search(rows, 'lr resnet')).toEqual([]);
});

it('rows are copied as lines that a spreadsheet takes', () => {
  expect(asLines(['value', 'step'], rows)).toBe(
    'name\tvalue\tstep\nlr\t0.1\t3\nmodel\tresnet 50'
  );
});
