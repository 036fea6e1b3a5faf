# CODaN, 10 classes, 224x224 pixels: trained by day, tested at night. Batches
# and augmentation are those of the authors' ResNet-18.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.ColorJitter', brightness=0.3, contrast=0.3, saturation=0.3, hue=0.3),
    dict(
        type='mmpretrain.Rotate',
        magnitude_range=(0.0, 20.0),
        magnitude_std='inf',
        prob=1.0,
        random_negative_prob=0.5,
    ),
    dict(type='mmpretrain.PackInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='mmpretrain.PackInputs')]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='mmsdag.CODaNDataset',
        data_root='{{$MMSDAG_CODAN:data/codan}}',
        split='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.CODaNDataset',
        data_root='{{$MMSDAG_CODAN:data/codan}}',
        split='val',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(val_dataloader, dataset=dict(val_dataloader['dataset'], split='test_night'))
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
test_evaluator = val_evaluator
