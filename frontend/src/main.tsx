import '@mantine/core/styles.css'
import './page.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app'
import { MissingPart } from './logic/explanation'
import { adoptThemeStyles } from './theme-styles'

const root = document.getElementById('root')
if (!root) throw new Error('index.html has no element with the id "root".')

adoptThemeStyles()
createRoot(root, {
  onCaughtError: (error) => {
    // What the page has told already is no fault of its program.
    if (!(error instanceof MissingPart)) console.error(error)
  },
}).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
