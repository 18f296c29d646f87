
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

// Filter the clauses by words and by result.
const form = document.getElementById('clause-filter')
const find = document.getElementById('find')
const rows = all('tr.clause').map((row) => ({ row, text: row.textContent.toLowerCase(), result: row.dataset.result }))
const filter = () => {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean)
  const results = all('[name=result]:checked', form).map((box) => box.value)
  const narrowed = words.length > 0 || results.length < all('[name=result]', form).length
  let count = 0
  rows.forEach(({ row, text, result }) => {
    row.hidden = !(results.includes(result) && words.every((word) => text.includes(word)))
    count += row.hidden ? 0 : 1
  })
  all('.passed-fold, .area').forEach((fold) => {
    const any = all('tr.clause', fold).some((row) => !row.hidden)
    fold.hidden = !any
    if (narrowed && any) fold.open = true
  })
  all('table.clauses').forEach((table) => { table.hidden = !all('tr.clause', table).some((row) => !row.hidden) })
  document.getElementById('found').textContent = narrowed ? `${count} of ${rows.length} clauses` : ''
}
form.hidden = false
form.addEventListener('input', filter)
form.addEventListener('submit', (event) => event.preventDefault())
const setAll = (open) => all('.area, .passed-fold').forEach((fold) => { fold.open = open })
document.getElementById('unfold').addEventListener('click', () => setAll(true))
document.getElementById('fold').addEventListener('click', () => setAll(false))

// A link to something folded unfolds it; a printed page is unfolded as a whole.
const reveal = () => {
  const goal = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (!goal) return
  for (let fold = goal.closest('details'); fold; fold = fold.parentElement.closest('details')) fold.open = true
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
