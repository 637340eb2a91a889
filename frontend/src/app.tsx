import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { useState } from 'react'
import { BrowserRouter } from 'react-router'
import { createQueryClient } from './api/queries'
import { Curtain } from './components/curtain'
import { AppRoutes } from './routes'
import { theme } from './theme'

export function App() {
  const [client] = useState(createQueryClient)
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={client}>
        <Curtain>
          <BrowserRouter>
            <AppRoutes />
          </BrowserRouter>
        </Curtain>
      </QueryClientProvider>
    </MantineProvider>
  )
}
