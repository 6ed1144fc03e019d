// What the chart of a question's answers needs of ECharts, as one global: `Charts`.
import { BarChart, PieChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

export { init } from "echarts/core";

use([BarChart, PieChart, GridComponent, TooltipComponent, SVGRenderer]);
