import { expect, it } from 'vitest'
import { searchConditions } from '../src/logic/search'

it.each([
  ['', []],
  ['   ', []],
  ['doe', ['a.ilike."%doe%",b.ilike."%doe%"']],
  [' John  Doe ', ['a.ilike."%John%",b.ilike."%John%"', 'a.ilike."%Doe%",b.ilike."%Doe%"']],
])('each word is somewhere in one of the columns: %j', (search, conditions) => {
  expect(searchConditions(search, ['a', 'b'])).toEqual(conditions)
})

it.each([
  ['100%', 'a.ilike."%100\\\\%%"'],
  ['_', 'a.ilike."%\\\\_%"'],
  ['\\', 'a.ilike."%\\\\\\\\%"'],
  ['"', 'a.ilike."%\\"%"'],
  ['a),b.eq.1', 'a.ilike."%a),b.eq.1%"'],
  ['*', 'a.ilike."%_%"'],
])('nothing in a word is a wildcard or ends the condition: %j', (search, condition) => {
  expect(searchConditions(search, ['a'])).toEqual([condition])
})

it('more words than a name has are left out', () => {
  expect(searchConditions('a b c d e f g', ['x'])).toHaveLength(5)
})
