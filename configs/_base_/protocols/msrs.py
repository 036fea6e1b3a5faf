# MSRS: photographs at night and by day, 640x480, with boxes of person, bicycle
# and car; COCO mAP. Annotations: night_visible.json (what can be seen),
# night_infrared.json (what an infrared camera saw) and day_visible.json.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

msrs_night = dict(
    type='mmsdag.CocoSubsetDataset',
    data_root='{{$MMSDAG_MSRS:../shared/msrs_night}}',
    ann_file='night_visible.json',
    test_mode=True,
)
# The metric reads the boxes in `instances`, which fit all annotation files.
msrs_formatting = dict(
    type='PackDetInputs',
    meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
)
msrs_metric = dict(type='CocoMetric', metric='bbox')
