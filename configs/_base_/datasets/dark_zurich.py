# Dark Zurich val, 19 classes: 50 images to measure mIoU on. Its training
# images have no labels: train on another set.
_base_ = './night_segmentation.py'

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1920, 1080), keep_ratio=True),
    # After Resize: labels are compared at their own size.
    dict(type='mmseg.LoadAnnotations'),
    dict(type='mmseg.PackSegInputs'),
]

val_dataloader = dict(
    dataset=dict(
        type='mmsdag.DarkZurichDataset',
        data_root='{{$MMSDAG_DARK_ZURICH:data/dark_zurich}}',
        data_prefix=dict(img_path='rgb_anon/val/night', seg_map_path='gt/val/night'),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
