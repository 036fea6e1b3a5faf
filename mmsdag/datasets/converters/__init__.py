"""Conversion of data sets to the formats that mmdet and mmseg read."""
