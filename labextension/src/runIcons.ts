import { LabIcon } from '@jupyterlab/ui-components';

import columnsSvg from '../style/icons/columns.svg';
import experimentsSvg from '../style/icons/experiments.svg';
import noteSvg from '../style/icons/note.svg';
import reportSvg from '../style/icons/report.svg';
import sparklineSvg from '../style/icons/sparkline.svg';
import starSvg from '../style/icons/star.svg';

export const experimentsIcon = new LabIcon({
  name: 'jupyter-mlops:experiments',
  svgstr: experimentsSvg
});
export const starIcon = new LabIcon({ name: 'jupyter-mlops:star', svgstr: starSvg });
export const noteIcon = new LabIcon({ name: 'jupyter-mlops:note', svgstr: noteSvg });
export const reportIcon = new LabIcon({ name: 'jupyter-mlops:report', svgstr: reportSvg });
export const columnsIcon = new LabIcon({
  name: 'jupyter-mlops:columns',
  svgstr: columnsSvg
});
export const sparklineIcon = new LabIcon({
  name: 'jupyter-mlops:sparkline',
  svgstr: sparklineSvg
});
