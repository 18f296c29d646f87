
'use strict'
const all = (selector, within) => [...(within || document).querySelectorAll(selector)]

// Copy: every command gets a button. Without a clipboard (no secure context) the old way selects and copies.
const copyText = async (text) => {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('not copied')
}
all('.command').forEach((command) => {
  const code = command.querySelector('pre code')
  if (!code) return
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'copy'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', `Copy: ${command.querySelector('p').textContent}`)
  button.addEventListener('click', async () => {
    try {
      await copyText(code.textContent)
      button.textContent = 'Copied'
    } catch (problem) {
      getSelection().selectAllChildren(code)
      button.textContent = 'Selected'
    }
    document.getElementById('told').textContent = button.textContent
    setTimeout(() => { button.textContent = 'Copy' }, 2000)
  })
  command.prepend(button)
})

// One search over everything that is found; results filter the clauses. The address keeps both.
const search = document.getElementById('search')
const form = document.getElementById('clause-filter')
const find = document.getElementById('find')
const boxes = all('[name=result]', form)
const texts = new WeakMap()
const text = (item) => {
  if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase())
  return texts.get(item)
}
const filter = () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean)
  const results = boxes.filter((box) => box.checked).map((box) => box.value)
  const narrowed = words.length > 0 || results.length < boxes.length
  let count = 0
  all('.found, .results-table-row').forEach((item) => {
    const kept = words.every((word) => text(item).includes(word))
    item.hidden = !(kept && (!item.dataset.result || results.includes(item.dataset.result)))
    count += item.hidden ? 0 : 1
  })
  all('.passed-fold, .area').forEach((fold) => {
    const any = all('tr.clause', fold).some((row) => !row.hidden)
    fold.hidden = !any
    if (narrowed && any) fold.open = true
  })
  all('table.clauses').forEach((table) => { table.hidden = !all('tr.clause', table).some((row) => !row.hidden) })
  if (words.length) all('.fold').forEach((fold) => { fold.open = all('.found', fold).some((item) => !item.hidden) })
  document.getElementById('found').textContent = narrowed ? `${count} found` : ''
  return { words, results, narrowed }
}
const remember = () => {
  const { words, results, narrowed } = filter()
  const state = new URLSearchParams()
  if (words.length) state.set('q', find.value.trim())
  if (results.length < boxes.length) state.set('results', results.join(','))
  try { history.replaceState(null, '', narrowed ? `#${state}` : location.pathname + location.search) } catch (problem) { /* a page in a frame */ }
}
const recall = () => {
  const state = new URLSearchParams(location.hash.slice(1))
  if (!state.has('q') && !state.has('results')) return false
  find.value = state.get('q') || ''
  const results = state.has('results') ? state.get('results').split(',') : null
  boxes.forEach((box) => { box.checked = !results || results.includes(box.value) })
  filter()
  return true
}
form.hidden = search.hidden = false
form.addEventListener('input', remember)
find.addEventListener('input', remember)
all('form').forEach((one) => one.addEventListener('submit', (event) => event.preventDefault()))
const setAll = (open) => all('.area, .passed-fold').forEach((fold) => { fold.open = open })
document.getElementById('unfold').addEventListener('click', () => setAll(true))
document.getElementById('fold').addEventListener('click', () => setAll(false))

const anchor = () => {
  try { return decodeURIComponent(location.hash.slice(1)) } catch (problem) { return '' }
}
// The plugin's script gives what it cannot name a name of its own.
all('[id="undefined"]').forEach((item) => item.removeAttribute('id'))

// A link to something folded unfolds it; a printed page is unfolded as a whole.
const reveal = () => {
  if (recall()) return
  const goal = location.hash.length > 1 && document.getElementById(anchor())
  if (!goal) return
  for (let fold = goal.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true
  goal.hidden = false
  const inner = goal.querySelector(':scope > details')
  if (inner) inner.open = true
  goal.scrollIntoView()
}
addEventListener('hashchange', reveal)
reveal()
let unfolded = []
addEventListener('beforeprint', () => {
  unfolded = all('main details:not([open])')
  unfolded.forEach((fold) => { fold.open = true })
})
addEventListener('afterprint', () => unfolded.forEach((fold) => { fold.open = false }))
