import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'

export function ColourSchemeButton() {
  const { setColorScheme } = useMantineColorScheme({ keepTransitions: true }) // else a style element switches them off
  const current = useComputedColorScheme('light')
  const other = current === 'dark' ? 'light' : 'dark'
  return (
    <ActionIcon
      variant="default"
      size={36}
      aria-label={`Use the ${other} colours`}
      onClick={() => {
        setColorScheme(other)
      }}
    >
      <svg width="18" height="18" viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="8.5" fill="none" stroke="currentColor" strokeWidth="2" />
        <path d="M12 3.5a8.5 8.5 0 0 1 0 17z" fill="currentColor" />
      </svg>
    </ActionIcon>
  )
}
