# DARK FACE at 1500x1000 pixels: 12 epochs of 3 rounds, batches of 4.
_base_ = 'dark_face.py'

dark_face_train = dict(
    batch_size=4,
    **_base_.dark_face_train_loader,
    dataset=dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(
            **_base_.dark_face_train_set,
            pipeline=[
                *_base_.dark_face_before_resize,
                dict(type='RandomResize', scale=[(750, 500), (1500, 1000)], keep_ratio=True),
                *_base_.dark_face_after_resize,
            ],
        ),
    ),
)
dark_face_test = dict(
    **_base_.dark_face_test_loader,
    dataset=dict(
        **_base_.dark_face_test_set,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=(1500, 1000), keep_ratio=True),
            *_base_.dark_face_after_test_resize,
        ],
    ),
)

dark_face_train_cfg = dict(max_epochs=12, val_interval=1)
dark_face_optim_wrapper = dict(optimizer=_base_.dark_face_optimizer)
dark_face_param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11], gamma=0.1),
]
