import { createTheme, type MantineColorsTuple } from '@mantine/core'

const pine: MantineColorsTuple = [
  '#eef8f7',
  '#dceeec',
  '#b5dcd8',
  '#8ac9c3',
  '#67b9b1',
  '#50afa6',
  '#42aaa0',
  '#2f8f86',
  '#1c6b66',
  '#0f5450',
]

const dialog = {
  // It would write a style element, which the content security policy forbids; page.css holds the page still instead.
  lockScroll: false,
  // A header element, which would be the banner of a second page.
  attributes: { header: { role: 'presentation' } },
}

export const theme = createTheme({
  colors: { pine },
  primaryColor: 'pine',
  // Shade 8 carries white text at more than 4.5 : 1 in both schemes.
  primaryShade: 8,
  defaultRadius: 'md',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Modal: { defaultProps: dialog },
    Drawer: { defaultProps: dialog },
  },
})
