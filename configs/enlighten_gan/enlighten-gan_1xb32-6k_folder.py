# The authors' recipe, on folders of dark and of well-exposed photographs.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/enlighten_gan.py',
    '../_base_/datasets/folder_enlighten_gan.py',
    '../_base_/datasets/folder_test.py',
    '../_base_/schedules/enlighten_gan_6k.py',
]
