/* The page /_mock/, made into C from panel.html by the Makefile. */
#ifndef GP_MOCK_CONTROL_PANEL_H
#define GP_MOCK_CONTROL_PANEL_H

extern const char gp_panel_html[]; /* ends with a NUL */

#endif
