// What the event grid needs of SlickGrid, as one global: `Slick`.
export { SlickGrid, SlickEvent, SlickEventHandler, SlickRowSelectionModel } from "slickgrid";
