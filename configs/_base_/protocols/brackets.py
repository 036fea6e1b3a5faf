# Recognition consistency on the dark shots of exposure brackets: the boxes are
# what YOLOX-nano finds in the well-exposed shot of the scene; COCO mAP.
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)

brackets_dark = dict(
    type='mmsdag.ExposureBracketDataset',
    data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
    ann_file='dark.json',
    data_prefix=dict(img='images'),
    test_mode=True,
)
# The metric reads the boxes in `instances`, so that it fits a part of the
# scenes, too (test_dataloader.dataset.scene_range).
brackets_formatting = dict(
    type='PackDetInputs',
    meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
)
brackets_metric = dict(type='CocoMetric', metric='bbox')
