# Well-lit shots of exposure brackets, 512x512, of the scenes up to 900, and
# CamVid's training frames, 480x360; without labels.
_base_ = 'folder_restoration.py'

_photographs = dict(min_size=256, in_memory=True, pipeline=_base_.train_pipeline)

train_dataloader = dict(
    num_workers=1,
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['dataset_type'],
        datasets=[
            dict(
                _photographs,
                type='mmsdag.ExposureFolderDataset',
                data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
                data_prefix=dict(img_path='images'),
                shots=(75, 175),
                scene_range=(None, 900),
            ),
            dict(
                _photographs,
                type='mmsdag.LowLightFolderDataset',
                data_root='{{$MMSDAG_CAMVID:../shared/camvid}}',
                data_prefix=dict(img_path='images/train'),
            ),
        ],
    ),
)
